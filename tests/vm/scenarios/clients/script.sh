. /usr/local/lib/bed/vpd.sh
. /usr/local/lib/bed/writes.sh
P=/system/chassis/motherboard
FAN='ao 1 "/xyz/openbmc_project/inventory/system/chassis/motherboard/fan_card"'
# at_once WANTED COMMAND...: within the five seconds after which PLDM gives up, while an EEPROM is being written.
at_once() {
    local wanted=$1
    shift
    expect "$wanted" "$("$@")" "answer of $*"
}
serial_of_chassis=$(property $P/fan_card $PI.Decorator.LocationCode LocationCode)
code=${serial_of_chassis#s \"}
code=${code%\"}

say "the replay counter of access control files: who writes reads its own write"
for number in 1 2 3; do
    manager WriteKeyword ossay $INVENTORY_ROOT$P UTIL D4 4 0 0 0 $number > /dev/null
    expect "v ay 4 0 0 0 $number" "$(manager ReadKeyword sv $P '(ss)' UTIL D4)" "the counter in the EEPROM"
    expect "ay 4 0 0 0 $number" "$(property $P com.ibm.ipzvpd.UTIL D4)" "the counter in the inventory"
done

say "what PLDM and the event log look up, while an EEPROM is written and more callers wait"
echo 800000 > "$(chip 12-0050)/twr_us"
calls=()
is_written() { [ -e $WRITER_STATE/journals/12-0050.journal ]; }
for number in 1 2; do
    manager WriteKeyword ossay $P/panel VINI SN $(bytes YVIV0000999$number) > /dev/null &
    calls+=($!)
    # The other one waits behind the first.
    wait_until 30 is_written
done
M="--timeout=5 call $MANAGER"
# shellcheck disable=SC2086
{
    at_once "$FAN" busctl $M GetFRUsByUnexpandedLocationCode sq Ufcs-P0-C1 0
    at_once "$FAN" busctl $M GetFRUsByExpandedLocationCode s "$code"
    at_once "s \"$code\"" busctl $M GetExpandedLocationCode sq Ufcs-P0-C1 0
    at_once 'as 1 "/sys/bus/i2c/devices/10-0051/eeprom"' busctl $M GetHardwarePath o $INVENTORY_ROOT$P/fan_card
}
is_written || fail "the write has ended before"

say "what bmcweb shows of an assembly"
manager WriteKeyword ossay $P/fan_card VINI FN $(bytes 99VV777) > /dev/null
shown_by_bmcweb=$(busctl --timeout=5 call $INVENTORY $INVENTORY_ROOT$P/fan_card org.freedesktop.DBus.Properties GetAll s \
    $PI.Decorator.Asset)
[[ $shown_by_bmcweb == *'"SparePartNumber" s "99VV777"'* ]] || fail "bmcweb shows this: $shown_by_bmcweb"
for call in "${calls[@]}"; do wait "$call"; done
expect 's "YVIV00009992"' "$(serial $P/panel)" "serial number of what was written last"
echo 5000 > "$(chip 12-0050)/twr_us"

say "who wants no reply is written for all the same"
before=$(cycles)
busctl --expect-reply=no call $MANAGER WriteKeyword ossay $P UTIL D5 4 1 2 3 4
is_there() { [ "$(property $P com.ibm.ipzvpd.UTIL D5)" = "ay 4 1 2 3 4" ]; }
wait_until 30 is_there
expect_settled
expect_no_events
