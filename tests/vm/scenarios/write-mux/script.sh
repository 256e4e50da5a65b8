. /usr/local/lib/bed/vpd.sh
. /usr/local/lib/bed/writes.sh
P=/system/chassis/motherboard
say "three EEPROMs behind a multiplexer"
# A reader has the second one, so that its write holds the wire until we let it.
exec {lock}< "$(device 21-0050)/eeprom"
flock $lock
first=$(cycles)
calls=()
number=0
for object in pcieslot0/pcie_card0 riser1 riser2; do
    number=$((number + 1))
    manager WriteKeyword ossay $P/$object VINI SN $(bytes YVIV0000212$number) > /dev/null {lock}<&- &
    calls+=($!)
    # In the order in which they are asked for: the first one is under way, the others wait behind it.
    has_begun() { [ "$(cycles)" -gt "$first" ]; }
    wait_until 30 has_begun
    nap 0.2
done
say "another wire is free meanwhile"
manager WriteKeyword ossay $P/fan_card VINI SN $(bytes YVIV00002129) > /dev/null
expect 0 "$(cycle_log | awk -v first="$first" '$1 > first && $2 ~ /^2[12]-/' | wc -l)" "cycles of those that wait"
exec {lock}<&-
for call in "${calls[@]}"; do wait "$call"; done
order=$(cycle_log | awk -v first="$first" '$1 > first && $2 ~ /^2/ { print $2 }' | uniq | tr '\n' ' ')
expect "20-0050 21-0050 22-0050 " "$order" "EEPROMs in the order of their cycles"
expect 's "YVIV00002123"' "$(serial $P/riser2)" "serial number of the last one"
expect_settled
expect_no_events
