. /usr/local/lib/bed/vpd.sh
. /usr/local/lib/bed/writes.sh
export LC_ALL=C
M=$MANAGER
P=/system/chassis/motherboard
state=xyz.openbmc_project.State
mkdir -p "$KEPT"

# answers WANTED COMMAND...: what a command prints is exactly that.
answers() {
    local wanted=$1 said
    shift
    said=$("$@" 2>&1) || fail "this failed: $*: $said"
    expect "$wanted" "$said" "answer of $*"
}
code_of() {
    property "$1" $PI.Decorator.LocationCode LocationCode
}
# text KEY OFFSET BYTES: of the cells.
text() {
    dd if="$(chip "$1")/image" bs=1 skip="$2" count="$3" status=none
}
alike() {
    cmp "$(chip 10-0050)/image" "$(chip 11-0050)/image" || fail "both EEPROMs of the planar are not alike"
}

settle
for key in 10-0050 11-0050 10-0051 10-0052 12-0050 spi13.0 20-0050 21-0050 22-0050; do keep $key first; done
shown > "$RESULTS/first"

say "the command lines of those who know openpower-vpd-parser"
answers 's "xyz.openbmc_project.Common.Progress.OperationStatus.Completed"' \
    busctl get-property com.ibm.VPD.Manager /com/ibm/VPD/Manager xyz.openbmc_project.Common.Progress Status
answers 'i 8' busctl call $M WriteKeyword ossay /xyz/openbmc_project/inventory$P UTIL D8 8 50 48 50 55 49 50 51 49
answers 'ay 8 50 48 50 55 49 50 51 49' property $P com.ibm.ipzvpd.UTIL D8
alike
answers 'i 7' busctl call $M UpdateKeyword sv $P "(ssay)" VSYS SE 7 49 51 57 70 50 51 48
is_new() {
    [ "$(code_of /system)" = 's "U9999.VV1.139F230"' ]
}
wait_until 2 is_new
answers 'i 1' busctl call $M UpdateKeyword sv /sys/bus/i2c/drivers/at24/10-0052/eeprom "(say)" CE 1 50
answers 'v ay 12 89 86 73 86 48 48 48 48 48 48 48 49' \
    busctl call $M ReadKeyword sv /sys/bus/i2c/drivers/at24/10-0050/eeprom "(ss)" VINI SN
answers 'ao 1 "/xyz/openbmc_project/inventory/system/chassis/motherboard/fan_card"' \
    busctl call $M GetFRUsByUnexpandedLocationCode sq Ufcs-P0-C1 0
answers '' busctl call $M deleteFRUVPD o $P/pcieslot0/pcie_card0
wait_until 30 has_state 20-0050 absent
expect 'b false' "$(present $P/pcieslot0/pcie_card0)" "presence of what was deleted"
answers '' busctl call $M CollectFRUVPD o $INVENTORY_ROOT$P/pcieslot0/pcie_card0
wait_until 30 has_state 20-0050 collected

say "a serial number is in every copy and in the inventory when the write is answered"
busctl call $INVENTORY $INVENTORY_ROOT$P org.freedesktop.DBus.Properties Set ssv \
    $PI.Decorator.AssetTag AssetTag s "of its owner"
answers 'i 12' busctl call $M WriteKeyword ossay $P VINI SN $(bytes YVIV00004242)
expect 's "YVIV00004242"' "$(serial $P)" "serial number in the inventory"
alike
expect 1 "$(grep -c YVIV00004242 "$(chip 11-0050)/image")" "the redundant EEPROM"
answers 's "of its owner"' property $P $PI.Decorator.AssetTag AssetTag
expect ok "$(outcome 10-0050)" "outcome of the reading, and so of the code"

say "a change of the serial number of the chassis is in all codes within two seconds"
answers 'i 7' busctl call $M WriteKeyword ossay $P VCEN SE $(bytes 78VV042)
expanded() {
    [[ $(code_of $P/fan_card) == 's "U77VV.N00.78VV042-P0-C1"' ]]
}
wait_until 2 expanded
for object in $P /system/chassis $P/power_backplane $P/panel $P/panel/knob $P/riser1; do
    [[ $(code_of $object) == *78VV042* ]] || fail "location code of $object: $(code_of $object)"
done
answers 'ao 1 "/xyz/openbmc_project/inventory/system/chassis/motherboard/fan_card"' \
    busctl call $M GetFRUsByExpandedLocationCode s U77VV.N00.78VV042-P0-C1

say "another CCIN has other objects"
expect 's "Knob"' "$(property $P/panel/knob $PI.Item PrettyName)" "what this kind of panel has"
answers 'i 4' busctl call $M WriteKeyword ossay $P/panel VINI CC $(bytes 7V12)
expect 's "Button"' "$(property $P/panel/button $PI.Item PrettyName)" "what the other kind has"
[ "$(present $P/panel/knob)" != "b true" ] || fail "what the other kind does not have is present"
answers 'i 4' busctl call $M WriteKeyword ossay $P/panel VINI CC $(bytes 7V11)

say "the host runs, and what is written is shown all the same"
peer_set chassis-state CurrentPowerState $state.Chassis.PowerState.On
peer_set host-state CurrentHostState $state.Host.HostState.Running
answers 'i 8' busctl call $M WriteKeyword ossay $P UTIL D8 $(bytes 20280229)
answers 'ay 8 50 48 50 56 48 50 50 57' property $P com.ibm.ipzvpd.UTIL D8
peer_set host-state CurrentHostState $state.Host.HostState.Off
peer_set chassis-state CurrentPowerState $state.Chassis.PowerState.Off

say "what is written already costs no cycle"
before=$(cycles)
answers 'i 8' busctl call $M WriteKeyword ossay $P UTIL D8 $(bytes 20280229)
expect "$before" "$(cycles)" "write cycles"

say "a write waits for the first reading of its FRU"
echo 20 > "$EEPROMS/14/khz"
plug 14-0050 24c64
udevadm settle
answers 'i 12' manager WriteKeyword ossay $P/late VINI SN $(bytes YVIV00001414)
expect 2 "$(parser_runs '*14\x2d0050*')" "runs of its parser: the first reading, and that after the write"
expect 's "YVIV00001414"' "$(serial $P/late)" "serial number of what came late"
echo 400 > "$EEPROMS/14/khz"

say "an ordinary user looks up and writes nothing; a member of vpd-admin does"
as() {
    local group=$1
    shift
    setpriv --reuid=nobody --regid=nogroup --groups="$group" "$@"
}
answers 'ao 1 "/xyz/openbmc_project/inventory/system/chassis/motherboard/fan_card"' \
    as nogroup busctl call $M GetFRUsByUnexpandedLocationCode sq Ufcs-P0-C1 0
answers 's "com.ibm.VPD.Manager.Status.Completed"' \
    as nogroup busctl get-property com.ibm.VPD.Manager /com/ibm/VPD/Manager com.ibm.VPD.Manager CollectionStatus
before=$(cycles)
for call in "WriteKeyword ossay $P UTIL D8 1 48" "UpdateKeyword sv $P (ssay) UTIL D8 1 48" \
    "WriteKeywordOnHardware sv $P (ssay) UTIL D8 1 48" "ReadKeyword sv $P (ss) UTIL D8" "deleteFRUVPD o $P/panel"; do
    # shellcheck disable=SC2086
    said=$(as nogroup busctl call $M $call 2>&1) && fail "an ordinary user may do this: $call"
    [[ $said == *"ccess denied"* || $said == *"not permitted"* || $said == *"rejected"* ]] || fail "$call: $said"
done
expect "$before" "$(cycles)" "write cycles"
answers 'i 8' as vpd-admin busctl call $M WriteKeyword ossay $P UTIL D8 $(bytes 20290228)
# shellcheck disable=SC2086
history=$(busctl --json=short call $WRITER1 History)
[[ $history == *nobody* || $history == *65534* ]] || fail "the history does not say who has written: $history"

say "nothing else has changed"
for key in 20-0050 21-0050 22-0050 10-0051; do expect_holds $key first; done
expect_settled
expect_no_events
expect "" "$(systemctl --failed --no-legend --plain)" "failed units"
