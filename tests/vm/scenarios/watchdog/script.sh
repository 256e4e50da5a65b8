. /usr/local/lib/bed/vpd.sh
card=/system/chassis/motherboard/fan_card

# restarted UNIT TIMES: more often than before.
restarted() {
    [ "$(systemctl show -P NRestarts "$1")" -gt "$2" ] && systemctl is-active --quiet "$1"
}
# A minute is long for a test. A start that the watchdog ends while it is still at work would be another test.
for unit in inventory-manager vpd-collection; do
    mkdir -p /run/systemd/system/$unit.service.d
    printf '[Service]\nWatchdogSec=%s\n' $((6 * PACE / 100)) > /run/systemd/system/$unit.service.d/watchdog.conf
done
systemctl daemon-reload
systemctl restart inventory-manager vpd-collection
settle
expect_status 0 $COLLECTION status
before=$(traffic)
for unit in inventory-manager vpd-collection; do
    say "$unit hangs"
    times=$(systemctl show -P NRestarts $unit)
    kill -STOP "$(systemctl show -P MainPID $unit)"
    wait_until 60 restarted $unit "$times"
    log=$(journalctl -b -u $unit)
    [[ $log == *'Watchdog timeout'* ]] || fail "it was not the watchdog that ended $unit"
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
