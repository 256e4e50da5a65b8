. /usr/local/lib/bed/vpd.sh
. /usr/local/lib/bed/writes.sh
P=/system/chassis/motherboard
say "three EEPROMs behind a multiplexer"
for key in 20-0050 21-0050 22-0050; do echo 200000 > "$(chip $key)/twr_us"; done
first=$(cycles)
calls=()
number=0
for object in pcieslot0/pcie_card0 riser1 riser2; do
    number=$((number + 1))
    manager WriteKeyword ossay $P/$object VINI SN $(bytes YVIV0000212$number) > /dev/null &
    calls+=($!)
    # In the order in which they are asked for: the first one is under way, the others wait behind it.
    has_begun() { [ "$(cycles)" -gt "$first" ]; }
    wait_until 30 has_begun
    nap 0.2
done
say "another wire is free meanwhile"
manager WriteKeyword ossay $P/fan_card VINI SN $(bytes YVIV00002129) > /dev/null
[ -n "$(ls -A $WRITER_STATE/journals)" ] || fail "the write of another wire has waited for all of them"
for call in "${calls[@]}"; do wait "$call"; done
order=$(cycle_log | awk -v first="$first" '$1 > first && $2 ~ /^2/ { print $2 }' | uniq | tr '\n' ' ')
expect "20-0050 21-0050 22-0050 " "$order" "EEPROMs in the order of their cycles"
expect 's "YVIV00002123"' "$(serial $P/riser2)" "serial number of the last one"
for key in 20-0050 21-0050 22-0050; do echo 5000 > "$(chip $key)/twr_us"; done
expect_settled
expect_no_events
