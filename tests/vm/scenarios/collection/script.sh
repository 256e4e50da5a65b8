. /usr/local/lib/bed/vpd.sh
board=/system/chassis/motherboard
keys="10-0050 10-0051 10-0052 10-0053 11-0050 11-0051 11-0052 11-0053"

say "the boot: all eight before the machine counted as ready"
expect "active" "$(systemctl is-active vpd-collection.target)" "vpd-collection.target"
expect "" "$(systemctl --failed --no-legend --plain)" "failed units"
expect_status 0 $COLLECTION status
expect 8 "$($COLLECTION status | grep -c ' collected ')" "EEPROMs collected"
$COLLECTION status --json > "$RESULTS/status.json"
[ "$(entered vpd-collection.service)" -le "$(entered multi-user.target)" ] || fail "the machine was ready too early"
for key in $keys; do
    unit=$(cell "$key" 9)
    [ "$(entered "$unit")" -le "$(entered vpd-collection.service)" ] || fail "$key came after all was collected"
done
expect 's "YVIV00000001"' "$(serial $board)" "serial number of the planar"
expect 's "7VIV001"' "$(serial /system)" "serial number of the system"
expect 's "YVIV00000101"' "$(serial $board/fan_card)" "serial number of the card"
expect 'b true' "$(present $board/dimm3)" "presence of a memory module"
systemctl status --no-pager vpd-collection | grep -q 'Status: "collected: 8 EEPROMs of demo' || fail "no line in the status"

say "what came of it costs no more traffic, whatever happens around it"
before=$(traffic)
# Two hundred events, or with all that there is two thousand, as `udevadm trigger` makes them: it writes this word to
# this file.
rounds=20
[ -z "$FULL" ] || rounds=200
for round in $(seq $rounds); do
    action=add
    [ $((round % 2)) = 0 ] || action=change
    for event in /sys/bus/i2c/devices/*/uevent; do
        echo $action > "$event"
    done
done
settle
systemctl daemon-reload
systemctl restart systemd-udevd
udevadm trigger --subsystem-match=i2c
settle
systemctl restart inventory-manager
systemctl restart vpd-collection
settle
wait_until 60 systemctl is-active --quiet vpd-collection
expect "$before" "$(traffic)" "bytes on the wire"
expect_status 0 $COLLECTION status
expect 's "YVIV00000101"' "$(serial $board/fan_card)" "serial number after a restart of the inventory"
expect "" "$(systemctl --failed --no-legend --plain)" "failed units"

say "a part that is pulled is absent, and nothing of it is left"
unplug 10-0051
wait_until 30 has_state 10-0051 absent
expect 'b false' "$(present $board/fan_card)" "presence of what is gone"
expect 's ""' "$(serial $board/fan_card)" "serial number of what is gone"
expect 'ay 0' "$(property $board/fan_card com.ibm.ipzvpd.VINI SN)" "its record"
expect "inactive" "$(systemctl show -P ActiveState 'ipz-vpd-parser@10\x2d0051.service')" "its unit"

say "plugged in again, it is collected again"
plug 10-0051 24c64
wait_until 30 has_state 10-0051 collected
expect 's "YVIV00000101"' "$(serial $board/fan_card)" "serial number of what is back"
expect 'b true' "$(present $board/fan_card)" "presence of what is back"

say "unbinding and binding is unplugging and plugging"
echo 10-0051 > /sys/bus/i2c/drivers/at24/unbind
wait_until 30 has_state 10-0051 absent
echo 10-0051 > /sys/bus/i2c/drivers/at24/bind
wait_until 30 has_state 10-0051 collected

say "another part in the same place leaves nothing of the first"
unplug 10-0051
load 10-0051 10-0054
plug 10-0051 24c64
has_serial() {
    [ "$(serial $board/fan_card)" = "s \"$1\"" ]
}
wait_until 30 has_serial YVIV00000001
wait_until 30 has_state 10-0051 collected
expect 'ay 7 55 86 73 86 48 48 49' "$(property $board/fan_card com.ibm.ipzvpd.VSYS SE)" "a record that the first part lacks"
unplug 10-0051
load 10-0051 11-0054
plug 10-0051 24c64
wait_until 30 has_serial YVIV00000101
wait_until 30 has_state 10-0051 collected
expect 'ay 0' "$(property $board/fan_card com.ibm.ipzvpd.VSYS SE)" "a record that only the second part had"

say "a bad part does not use up the starts of its replacement"
overwrite 10-0051 0 '\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377'
for _ in $(seq 8); do
    unplug 10-0051
    plug 10-0051 24c64
done
# Reports of the first of them are no end of it.
settle
wait_until 60 has_outcome 10-0051 blank
wait_until 30 has_state 10-0051 collected
expect_status 65 $COLLECTION status
load 10-0051 11-0054
unplug 10-0051
plug 10-0051 24c64
wait_until 30 has_serial YVIV00000101
wait_until 30 has_outcome 10-0051 ok
wait_until 30 has_state 10-0051 collected
expect_status 0 $COLLECTION status

say "an administrator has a part read again"
# has_read KEY BYTES: so many since `before`.
has_read() {
    [ $(($(cat "$EEPROMS/$1/bytes") - before)) = "$2" ]
}
before=$(cat $EEPROMS/11-0050/bytes)
$COLLECTION recollect 11-0050
wait_until 30 has_read 11-0050 512
wait_until 30 has_state 11-0050 collected
expect $((before + 512)) "$(cat $EEPROMS/11-0050/bytes)" "bytes of a part that was read again"
expect_status 64 $COLLECTION recollect 99-0050

say "a process 1 that executes itself anew, and has another name on the bus then, is still heard"
systemctl daemon-reexec
$COLLECTION recollect 11-0050
wait_until 30 has_read 11-0050 1024
wait_until 30 has_state 11-0050 collected

say "how much is logged can be changed while it runs"
for unit in vpd-collection inventory-manager; do
    expect "info" "$(systemctl service-log-level $unit)" "log level of $unit"
    systemctl service-log-level $unit debug
    expect "debug" "$(systemctl service-log-level $unit)" "log level of $unit"
    systemctl service-log-level $unit info
    expect "console" "$(systemctl service-log-target $unit)" "log target of $unit"
done

say "a parser's user may call nobody else"
as_parser() {
    setpriv --reuid vivianite-vpd --regid vivianite-vpd --clear-groups busctl "$@" 2>&1
}
refused() {
    as_parser "$@" && fail "a parser's user was allowed: $*"
    return 0
}
refused call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager Reload
refused call io.vivianite.Vpd.Collection /io/vivianite/vpd/collection io.vivianite.Vpd.Collection1 Recollect as 0
refused call $INVENTORY $INVENTORY_ROOT io.vivianite.Inventory.Deletion1 Delete as 0
as_parser call $INVENTORY $INVENTORY_ROOT $INVENTORY Notify 'a{oa{sa{sv}}}' 0 || fail "a parser's user may not notify"

say "and reports for no EEPROM but from its own parser's unit"
before=$($COLLECTION status --json || true)
answer=$(as_parser call io.vivianite.Vpd.Collection /io/vivianite/vpd/collection io.vivianite.Vpd.Collection1 Report \
    '(sssssssa(ssus)asttxxs)ay' 11-0050 ipz bad forged "" "" "" 0 0 0 0 0 0 "" 0 || true)
case $answer in
    *"11-0050"*"parser unit"*) ;;
    *) fail "a report of a process of no parser's unit: $answer" ;;
esac
expect "$before" "$($COLLECTION status --json || true)" "what is collected"
expect "" "$(systemctl --failed --no-legend --plain)" "failed units"
