. /usr/local/lib/bed/vpd.sh
. /usr/local/lib/bed/writes.sh
. /usr/local/lib/bed/contents.sh
. /etc/bed/swaps.sh
export LC_ALL=C
mkdir -p "$KEPT"

# cut_kind BOOT: of which FRU a write is cut there. Where there is one cut only, the last boot judges it.
cut_kind() {
    if [ $(($1 % 2)) = 1 ] && [ -n "$FULL" ]; then echo ipz; else echo keyword; fi
}

settle
if [ "$BOOT" = 1 ]; then
    make_contents three one two
    # What lies in the drawer is a part of the same make with another serial number.
    cat "$KEPT/20-0050.three" > "$(chip 24-0050)/image"
    cat "$KEPT/23-0050.three" > "$(chip 25-0050)/image"
else
    read -r kind name before point < "$KEPT/point"
    # The last boot has a number of its own.
    read -r swapped from <<< "$(swap_before "$BOOT")"
    case $kind in
    ipz) key=20-0050 object=/system/card copies=$ipz ;;
    keyword) key=23-0050 object=/system/supply copies=$keyword ;;
    esac
    say "a write of $key to $name was cut, $point, and another part is in place of $swapped"
    expect_recovered_first
    for chip in $copies; do
        if [ "$chip" = "$swapped" ]; then expect_holds "$chip" three; else expect_holds "$chip" "$name"; fi
    done
    shown=$name
    [ "$swapped" != $key ] || shown=three
    expect "$(serial_of $shown)" "$(serial $object)" "serial number of the part that is there"
    expect "" "$(ls -A $WRITER_STATE/journals)" "journals"
    expect "$key.rejected" "$(ls -A $WRITER_STATE/rejected)" "rejected journals"
    has_event() { [ -n "$(events)" ]; }
    wait_until 30 has_event
    said=$(events)
    [[ $said == "Warning: a write of EEPROM $key was interrupted, and another part is there now"*"$key.rejected" ]] ||
        fail "the event log was told this: $said"
    expect 1 "$(wc -l <<< "$said")" "events"
    expect 1 "$(peer_calls event-log | grep -c 'Logging.Create')" "calls of the event log"
    expect "" "$(systemctl --failed --no-legend --plain)" "failed units"
    expect_only_changed "$KEPT/shown" /system/card /system/supply

    say "a restart tells it no more, and the part can be written"
    systemctl restart vpd-writer.service
    rm "$WRITER_STATE/rejected/$key.rejected"
    echo "$before" > "$KEPT/now.$kind"
    write "$kind" "$(other "$before")"
    write "$kind" "$before"
    expect 1 "$(peer_calls event-log | grep -c 'Logging.Create')" "calls of the event log"
    peer_forget event-log
    expect_all
fi
[ "$BOOT" -le 40 ] || exit 0

kind=$(cut_kind "$BOOT")
cycle=$(((BOOT / 2) % $(cat "$KEPT/cycles.$kind") + 1))
# 0xff, random, or a mix.
tears=(0 3 4)
seed=$((BOOT * 5 + ${tears[BOOT % 3]}))
before=$(now $kind)
name=$(other "$before")
say "cut: $kind, to $name, cycle $cycle, seed $seed"
echo "$kind $name $before cycle $cycle, seed $seed" > "$KEPT/point"
sync
cut_in_cycle $cycle during $seed
"write_$kind" "$name" > /dev/null
fail "the power is still there"
