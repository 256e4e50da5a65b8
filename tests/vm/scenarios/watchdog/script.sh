. /usr/local/lib/bed/vpd.sh
card=/system/chassis/motherboard/fan_card

restarted() {
    [ "$(systemctl show -P NRestarts "$1")" -ge 1 ] && systemctl is-active --quiet "$1"
}
expect_status 0 $COLLECTION status
before=$(traffic)
for unit in inventory-manager vpd-collection; do
    say "$unit hangs"
    kill -STOP "$(systemctl show -P MainPID $unit)"
    wait_until 60 restarted $unit
    journalctl -b -u $unit | grep -q 'Watchdog timeout' || fail "it was not the watchdog that ended $unit"
done
settle
expect_status 0 $COLLECTION status
expect "$before" "$(traffic)" "bytes on the wire"
expect 's "YVIV00000101"' "$(serial $card)" "serial number of the card"
expect "active" "$(systemctl is-active vpd-collection.target)" "vpd-collection.target"

say "and it goes on where it was"
unplug 10-0051
wait_until 30 has_state 10-0051 absent
plug 10-0051 24c64
wait_until 30 has_state 10-0051 collected
expect 's "YVIV00000101"' "$(serial $card)" "serial number of what is back"
