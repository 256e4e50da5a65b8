export LC_ALL=C

instance() {
    echo "$2-vpd-parser@10\\x2d$1.service"
}
alias_unit() {
    echo "vpd-10\\x2d$1.device"
}
in_state() {
    [ "$(systemctl is-active "$2")" = "$1" ]
}
state() {
    systemctl is-active "$1" || true
}
# of_database KEY NAME: a property as udev's database has it.
of_database() {
    udevadm info --query=property --property="$2" --value "$(device "10-$1")"
}
# of_rules KEY NAME: the same as the rules give it now.
of_rules() {
    udevadm test "$(device "10-$1")" 2> /dev/null | sed -n "s/^$2=//p"
}
serial() {
    busctl get-property xyz.openbmc_project.Inventory.Manager "/xyz/openbmc_project/inventory/system$1" \
        xyz.openbmc_project.Inventory.Decorator.Asset SerialNumber
}
# expect_matched KEY PARSER: rule, alias and wish are in place.
expect_matched() {
    local from
    for from in of_database of_rules; do
        expect "/vpd/10-$1" "$($from "$1" SYSTEMD_ALIAS)" "$from alias of $1"
        expect "$(instance "$1" "$2")" "$($from "$1" SYSTEMD_WANTS)" "$from wish of $1"
        case "$($from "$1" TAGS)" in
        *:systemd:*) ;;
        *) fail "$from tags of $1 lack systemd" ;;
        esac
    done
    expect active "$(state "$(alias_unit "$1")")" "alias unit of $1"
}
# expect_unmatched KEY: no rule is for it.
expect_unmatched() {
    local from
    for from in of_database of_rules; do
        expect "" "$($from "$1" SYSTEMD_ALIAS)$($from "$1" SYSTEMD_WANTS)" "$from properties of $1"
    done
    expect inactive "$(state "$(alias_unit "$1")")" "alias unit of $1"
}
# expect_unread KEY: the driver's probe takes one byte, and nobody else any.
expect_unread() {
    expect 1 "$(cat "$EEPROMS/$1/bytes")" "bytes that were read of $1"
}

settle
udevadm test "$(device 10-0051)" > "$RESULTS/udevadm-test" 2>&1

say "chips of this system are matched and read"
for key in 0050 0051; do
    expect_matched $key ipz
    expect active "$(state "$(instance $key ipz)")" "instance of $key"
done
expect 's "YVIV00000101"' "$(serial /card)" "serial number of the card"

say "a chip that no system has is left alone"
expect_unmatched 0054
expect_unread 10-0054

say "a chip of another system is matched, and its condition keeps its parser from starting"
expect_matched 0053 keyword
expect inactive "$(state "$(instance 0053 keyword)")" "instance of another system"
expect no "$(systemctl show -P ConditionResult "$(instance 0053 keyword)")" "its condition"
expect_unread 10-0053

say "a chip that is absent is not matched until it appears"
echo N > "$EEPROMS/10-0052/present"
plug 10-0052 24c256
settle
expect_unmatched 0052
echo Y > "$EEPROMS/10-0052/present"
echo 10-0052 > /sys/bus/i2c/drivers/at24/bind
wait_until 60 in_state active "$(instance 0052 ipz)"
expect_matched 0052 ipz
expect 's "YVIV00000101"' "$(serial /late_card)" "serial number of the late card"

say "events that say nothing new start nothing"
before=$(cat "$EEPROMS/10-0051/bytes")
started=$(systemctl show -P ExecMainStartTimestampMonotonic "$(instance 0051 ipz)")
for action in add change bind; do
    udevadm trigger --action=$action --subsystem-match=i2c
    settle
done
expect "$before" "$(cat "$EEPROMS/10-0051/bytes")" "bytes read after triggers"
expect "$started" "$(systemctl show -P ExecMainStartTimestampMonotonic "$(instance 0051 ipz)")" "start of the instance"

say "an instance goes with its chip, and comes with it"
unplug 10-0051
wait_until 60 in_state inactive "$(instance 0051 ipz)"
expect inactive "$(state "$(alias_unit 0051)")" "alias unit of a chip that is gone"
plug 10-0051 24c256
wait_until 60 in_state active "$(instance 0051 ipz)"
expect_matched 0051 ipz
[ "$(cat "$EEPROMS/10-0051/bytes")" -gt "$before" ] || fail "the chip was not read again"

say "lane: each comes after all that read before it"
# systemctl quotes what holds a backslash, and doubles it.
list() {
    systemctl show -P "$1" "$2" | tr -d '"' | sed 's/\\\\/\\/g' | tr ' ' '\n'
}
list After "$(instance 0052 ipz)" > "$RESULTS/after-0052"
for unit in "$(instance 0050 ipz)" "$(instance 0051 ipz)" "$(alias_unit 0052)" vpd-select.service; do
    grep -qxF -- "$unit" "$RESULTS/after-0052" || fail "0052 does not come after $unit"
done
expect "$(alias_unit 0052)" "$(list BindsTo "$(instance 0052 ipz)")" "what 0052 is bound to"

expect "" "$(systemctl --failed --no-legend --plain)" "failed units"
