. /usr/local/lib/bed/plans.sh
settle
kept=/var/lib/bed
mkdir -p $kept

# Milliseconds from process 1's start to multi-user.target.
ready_ms() {
    local ready began
    ready=$(systemctl show -P ActiveEnterTimestampMonotonic multi-user.target)
    began=$(systemctl show -P UserspaceTimestampMonotonic)
    echo $(((ready - began) / 1000))
}
ready_ms > "$kept/ready-ms.$BOOT"
systemd-analyze critical-chain --no-pager multi-user.target | tee "$RESULTS/critical-chain"
systemd-analyze blame --no-pager > "$RESULTS/blame"
case $BOOT in
1)
    expect "inactive" "$(systemctl is-active vpd-collection.target || true)" "collection in the boot without it"
    power_off
    ;;
2)
    expect "active" "$(systemctl is-active vpd-collection.target)" "collection"
    power_off
    ;;
esac
say "multi-user.target after $(cat $kept/ready-ms.1) ms without us, $(cat $kept/ready-ms.2) ms with us for the first" \
    "time, $(cat $kept/ready-ms.3) ms with us"
cp $kept/ready-ms.* "$RESULTS"

say "every unit is correct, with all that it is told by drop-ins"
while read -r unit; do
    path=/usr/lib/systemd/system/$unit
    said=$(systemd-analyze verify --man=no --recursive-errors=no "$path" 2>&1) || fail "$unit is not correct: $said"
    expect "" "$said" "what systemd says of $unit"
done < /etc/bed/units

wrong=/run/systemd/system/bed-wrong.service
printf '[Service]\nExecStart=/bin/true\nProtectSytem=strict\n' > $wrong
said=$(systemd-analyze verify --man=no --recursive-errors=no $wrong 2>&1) || true
[[ $said == *ProtectSytem* ]] || fail "a wrong unit is not found: $said"
rm $wrong

say "every service is locked up"
: > "$RESULTS/security"
while read -r unit; do
    [[ $unit == *.service ]] || continue
    instance=${unit/@./@10\\x2d0050.}
    systemd-analyze security --no-pager "$instance" > "$RESULTS/security-$unit" || true
    line=$(grep 'Overall exposure level' "$RESULTS/security-$unit") || fail "there is no score of $instance"
    score=$(sed 's/.*: \([0-9]*\)\.\([0-9]\).*/\1\2/' <<< "$line")
    echo "$unit ${score%?}.${score: -1}" >> "$RESULTS/security"
done < /etc/bed/units
column -t "$RESULTS/security" 2> /dev/null || cat "$RESULTS/security"
awk '$2 > 2.0 { print "too exposed: " $0; bad = 1 } END { exit bad }' "$RESULTS/security"

say "what runs is what the unit runner plans"
for unit in inventory-manager.service vpd-collection.service; do
    same_daemon $unit
done
for unit in vpd-select.service 'ipz-vpd-parser@10\x2d0050.service' 'keyword-vpd-parser@10\x2d0052.service'; do
    same_one_shot "$unit"
done
expect 0 "$differences" "differences between plans and systemd"
expect "" "$(systemctl --failed --no-legend --plain)" "failed units"
