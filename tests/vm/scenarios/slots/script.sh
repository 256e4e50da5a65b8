. /usr/local/lib/bed/vpd.sh
board=/system/chassis/motherboard
state=xyz.openbmc_project.State
# says OBJECT true|false: other software says whether a part is there.
says() {
    busctl call $INVENTORY $INVENTORY_ROOT $INVENTORY Notify 'a{oa{sa{sv}}}' 1 "$1" 1 $PI.Item 1 Present b "$2"
}
creates() {
    peer_calls event-log | grep -c 'Logging.Create.Create' || true
}
has_created() {
    [ "$(creates)" = "$1" ]
}
level_is() {
    [ "$(cat "$GPIO/$1/level")" = "$2" ]
}
collection_is_active() {
    [ "$(systemctl is-active vpd-collection.service)" = active ]
}

say "without anybody to say so the chassis counts as on: what is the host's then is left alone, and nobody waits for it"
expect "active" "$(systemctl is-active vpd-collection.target)" "vpd-collection.target"
for key in 30-0050 31-0050 33-0050 spi12.0 spi22.0; do
    expect kept "$(state $key)" "state of $key"
done
expect 0 "$(cat "$(chip spi12.0)/bytes")" "bytes read of a processor's data"
[ ! -e /sys/bus/i2c/devices/30-0050 ] || fail "a memory module was made known with power on"
expect collected "$(state 20-0050)" "a slot that needs no power off"

say "the state service comes and says that it is off"
peer chassis-state normal
for key in 30-0050 spi12.0 spi22.0; do
    wait_until 60 has_state $key collected
done
wait_until 30 has_state 33-0050 absent
expect 's "YVIV00000501"' "$(serial $board/dimm0)" "serial number of a memory module"

say "the event log comes late and hears of the broken slot once"
peer event-log normal
wait_until 30 has_created 1
expect_call event-log GPIOError

say "a restart of the service reads nothing again and tells nothing again"
before=$(traffic)
systemctl kill --signal=KILL vpd-collection.service
wait_until 60 collection_is_active
wait_until 60 has_state 20-0050 collected
wait_until 60 has_state 30-0050 collected
expect "$before" "$(traffic)" "bytes on the wire"
expect 1 "$(creates)" "events"

say "what others say of a part is followed, and what we say ourselves is no news"
says $board/drive_backplane false
wait_until 30 has_state 13-0050 absent
expect 's ""' "$(serial $board/drive_backplane)" "serial number of what is gone"
says $board/drive_backplane true
wait_until 60 has_state 13-0050 collected
expect 's "YVIV00000101"' "$(serial $board/drive_backplane)" "serial number of what is back"
expect 'b true' "$(present $board/drive_backplane)" "presence of what is back"

say "with power on, a processor's chip that goes takes nothing with it"
peer_set chassis-state CurrentPowerState $state.Chassis.PowerState.On
echo spi22.0 > /sys/bus/spi/drivers/at25/unbind
echo spi23.0 > /sys/bus/spi/drivers/at25/unbind
settle
expect 's "YVIV00000601"' "$(serial $board/cpu1)" "serial number of a processor whose chip is the host's"
expect 'b true' "$(present $board/cpu1)" "its presence"
say "and is gone once power is off"
peer_set chassis-state CurrentPowerState $state.Chassis.PowerState.Off
wait_until 30 has_state spi22.0 absent
expect 'b false' "$(present $board/cpu1)" "its presence"
say "the other copy alone is enough"
echo spi23.0 > /sys/bus/spi/drivers/at25/bind
wait_until 60 has_state spi22.0 collected
expect 's "YVIV00000601"' "$(serial $board/cpu1)" "serial number by the other copy"

say "a slot that is empty loses its power, one that is mended works"
echo Y > $GPIO/SLOT0_PRSNT_N/pull
$COLLECTION recollect 20-0050
wait_until 30 has_state 20-0050 absent
wait_until 30 level_is SLOT0_POWER 0
echo N > $GPIO/SLOT0_PRSNT_N/pull
$COLLECTION recollect 20-0050
wait_until 30 has_state 20-0050 collected
echo none > $GPIO/SLOT2_POWER/fault
$COLLECTION recollect 22-0050
wait_until 30 has_state 22-0050 collected
expect 's "YVIV00000101"' "$(serial $board/pcieslot2/pcie_card2)" "serial number in the mended slot"
echo error > $GPIO/SLOT2_PRSNT_N/fault
say "a presence line that cannot be read makes nothing absent"
before=$(cat "$(chip 22-0050)/bytes")
read_again() {
    [ "$(cat "$(chip 22-0050)/bytes")" -gt "$before" ]
}
$COLLECTION recollect 22-0050
wait_until 30 read_again
wait_until 30 has_state 22-0050 collected
expect 'b true' "$(present $board/pcieslot2/pcie_card2)" "presence in a slot whose line says nothing"
