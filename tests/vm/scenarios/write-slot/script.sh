. /usr/local/lib/bed/vpd.sh
. /usr/local/lib/bed/writes.sh
card=/system/chassis/motherboard/pcieslot0/pcie_card0
power() { cat $GPIO/SLOT0_POWER/level; }
expect 1 "$(power)" "power of the slot"
echo 700000 > "$(chip 20-0050)/twr_us"
manager WriteKeyword ossay $card VINI SN $(bytes YVIV00002020) > "$RESULTS/written" &
call=$!
is_written() { [ -e $WRITER_STATE/journals/20-0050.journal ]; }
wait_until 30 is_written
say "the card is deleted in the middle of its write"
manager deleteFRUVPD o $card
while [ -e $WRITER_STATE/journals/20-0050.journal ]; do
    expect 1 "$(power)" "power of the slot while its EEPROM is written"
    nap 0.1
done
wait $call || fail "the write failed"
expect "i 12" "$(cat "$RESULTS/written")" "answer of the write"
has_power_off() { [ "$(power)" = 0 ]; }
wait_until 30 has_power_off
wait_until 30 has_state 20-0050 absent
expect 1 "$(grep -c YVIV00002020 "$(chip 20-0050)/image")" "the new serial number in the EEPROM"
echo 5000 > "$(chip 20-0050)/twr_us"
$COLLECTION recollect 20-0050
wait_until 30 has_state 20-0050 collected
expect ok "$(outcome 20-0050)" "outcome of the reading"
expect 's "YVIV00002020"' "$(serial $card)" "serial number of the card that is back"
expect_settled
expect_no_events
