. /usr/local/lib/bed/plans.sh

say "every unit is correct, with all that it is told by drop-ins"
mapfile -t units < /etc/bed/units
# One call for all of them; what it says names the unit.
said=$(cd /usr/lib/systemd/system && systemd-analyze verify --man=no --recursive-errors=no "${units[@]/#/./}" 2>&1) ||
    fail "not correct: $said"
expect "" "$said" "what systemd says of our units"

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
for unit in inventory-manager.service vpd-collection.service vpd-writer.service; do
    same_daemon $unit
done
for unit in vpd-select.service vpd-recover.service 'ipz-vpd-parser@10\x2d0050.service' 'keyword-vpd-parser@10\x2d0052.service'; do
    same_one_shot "$unit"
done
expect "" "$(systemctl --failed --no-legend --plain)" "failed units"
