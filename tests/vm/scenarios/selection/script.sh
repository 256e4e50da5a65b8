export LC_ALL=C
. /usr/local/lib/bed/vpd.sh
run=/run/vivianite/vpd
memory=/var/lib/vivianite/vpd/last-system

# expect_choice SYSTEM CAUSE STATUS: record, link and exit status.
expect_choice() {
    cp "$run/selection.toml" "$RESULTS/"
    say "$(tr '\n' ' ' < "$run/selection.toml")"
    expect "$1" "$(sed -n 's/^system = "\(.*\)"$/\1/p' $run/selection.toml)" "system"
    expect "$2" "$(sed -n 's/^cause = "\(.*\)"$/\1/p' $run/selection.toml)" "cause"
    expect "/usr/share/vivianite/vpd/systems/$1" "$(readlink $run/active)" "link"
    [ -d "$run/active/" ] || fail "the link leads nowhere"
    expect "$3" "$(systemctl show -P ExecMainStatus vpd-select.service)" "exit status"
    expect active "$(systemctl is-active vpd-select.service)" "vpd-select.service"
}
card() {
    systemctl is-active 'ipz-vpd-parser@10\x2d0051.service' || true
}
remembered() {
    sed -n 's/^system = "\(.*\)"$/\1/p' "$memory" 2> /dev/null || true
}

settle
expect "" "$(systemctl --failed --no-legend --plain)" "failed units"
case $BOOT in
1)
    expect_choice common no-choice 65
    expect "" "$(remembered)" "memory"
    expect inactive "$(card)" "a card that only a system knows"
    power_off
    ;;
2)
    expect_choice demo matched 0
    expect demo "$(remembered)" "memory"
    expect vivianite-vpd "$(stat -c %U "$memory")" "owner of the memory"
    expect active "$(card)" "the system's card"
    cut_power
    ;;
3)
    expect_choice demo last-choice 65
    expect demo "$(remembered)" "memory after a cut of power"
    expect active "$(card)" "the card of the system that was known"
    expect 'ay 12 89 86 73 86 48 48 48 48 48 49 48 49' "$(property /system/card com.ibm.ipzvpd.VINI SN)" "serial number of the card"
    expect 'b true' "$(present /system/card)" "presence of the card"

    say "while nobody knows what system this is, nothing of it is taken back"
    cp -p "$memory" /run/memory
    rm "$memory"
    systemctl restart vpd-select.service
    expect_choice common no-choice 65
    systemctl restart vpd-collection.service
    expect 'ay 12 89 86 73 86 48 48 48 48 48 49 48 49' "$(property /system/card com.ibm.ipzvpd.VINI SN)" "serial number of the card"
    expect 'b true' "$(present /system/card)" "presence of the card"
    expect 1 "$(grep -c '"/system/card"' /var/lib/vivianite/vpd-collection/objects)" "objects that are remembered"
    cp -p /run/memory "$memory"
    vpd-tool build /etc/bed/unknown.toml --output /run/unknown.bin
    cat /run/unknown.bin > "$EEPROMS/10-0050/image"
    power_off
    ;;
4)
    expect_choice common unknown-system-type 65
    expect 50001099 "$(sed -n 's/^im = "\(.*\)"$/\1/p' $run/selection.toml)" "type"
    expect demo "$(remembered)" "memory"
    expect inactive "$(card)" "a card of another system"
    expect 'ay 0' "$(property /system/card com.ibm.ipzvpd.VINI SN)" "serial number of another system's card"
    expect 'b false' "$(present /system/card)" "presence of another system's card"
    expect 1 "$(grep -cx 'objects = \[\]' /var/lib/vivianite/vpd-collection/objects)" "a list of no objects"
    expect_status 65 $COLLECTION status
    ;;
esac
