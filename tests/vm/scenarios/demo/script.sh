. /usr/local/lib/bed/vpd.sh
board=/system/chassis/motherboard
keep_inventory() {
    busctl --json=short call $INVENTORY $INVENTORY_ROOT org.freedesktop.DBus.ObjectManager GetManagedObjects > "$RESULTS/inventory.json"
}
show() {
    echo
    echo "# $*"
    "$@" || echo "(exit status $?)"
}
located() {
    local code
    code=$(property "$1" $PI.Decorator.LocationCode LocationCode)
    printf '%-24s %s\n' "${code#s }" "$1"
}
# outcome KEY STATE OUTCOME: as the checklist says.
outcome() {
    expect "$2 $3" "$(awk -v key="$1" '$1 == key {print $2, $3}' "$RESULTS/status")" "state and outcome of $1"
}

say "the machine is ready: everything is collected and located"
show systemd-analyze critical-chain --no-pager vpd-collection.target
$COLLECTION status > "$RESULTS/status" || true
show cat "$RESULTS/status"
keep_inventory
while read -r key state result; do
    outcome "$key" "$state" "$result"
done < /etc/bed/outcomes

echo
say "location codes, from what the planar says of the machine"
for object in /system /system/chassis $board $board/pcieslot0/pcie_card0/port0 $board/dimm0 $board/cpu0; do
    located $object
done
expect 's "U77VV.N00.VIV000T-P0"' "$(property $board $PI.Decorator.LocationCode LocationCode)" "location code of the planar"

# events: of the log's calls, each with message id, severity and description.
events() {
    peer_calls event-log | sed -n 's/.*Create "\([^"]*\)" "[^"]*\.\([A-Za-z]*\)" .*"DESCRIPTION": "\([^"]*\)".*/\1 \2: \3/p'
}
has_events() {
    [ "$(events | wc -l)" = "$1" ]
}
low() {
    [ "$(cat "$GPIO/$1/level")" = 0 ]
}

echo
say "what is wrong is in the event log, once each"
wait_until 30 has_events 9
show events
show ls -l /var/lib/vivianite/vpd-collection/damaged

echo
say "a cable card is in slot 0: it has power, and its LEDs have their driver"
expect 1 "$(cat $GPIO/SLOT0_POWER/level)" "power of slot 0"
[ -e /sys/bus/i2c/drivers/leds-pca955x/20-0060 ] || fail "the LED expander has no driver"
expect "b true" "$(present $board/pcieslot0/pcie_card0)" "presence of the card"
expect 's "Port 0"' "$(property $board/pcieslot0/pcie_card0/port0 $PI.Item PrettyName)" "the port of this kind of card"
expect "" "$(property $board/pcieslot0/pcie_card0/optical0 $PI.Item PrettyName)" "the port of another kind"
show $COLLECTION remove 20-0050
wait_until 30 has_state 20-0050 absent
wait_until 30 low SLOT0_POWER
[ ! -e /sys/bus/i2c/drivers/leds-pca955x/20-0060 ] || fail "the LED expander has kept its driver"
expect "b false" "$(present $board/pcieslot0/pcie_card0)" "presence of the card that was taken out"
show $COLLECTION recollect 20-0050
wait_until 30 has_state 20-0050 collected
led_has_driver() {
    [ -e /sys/bus/i2c/drivers/leds-pca955x/20-0060 ]
}
wait_until 30 led_has_driver

echo
say "somebody plugs in a panel; its line is looked at every second"
echo N > $GPIO/PANEL_PRSNT_N/pull
wait_until 30 has_state 7-0051 collected
show busctl get-property $INVENTORY $INVENTORY_ROOT$board/panel $PI.Decorator.Asset SerialNumber
located $board/panel
say "and pulls it"
echo Y > $GPIO/PANEL_PRSNT_N/pull
wait_until 30 has_state 7-0051 absent
expect 1 "$(cat $GPIO/PANEL_ENABLE_N/level)" "the panel's bus when there is no panel"

echo
say "a card is put into slot 1, and the host started"
echo N > $GPIO/SLOT1_PRSNT_N/pull
peer_set chassis-state CurrentPowerState xyz.openbmc_project.State.Chassis.PowerState.On
peer_set host-state CurrentHostState xyz.openbmc_project.State.Host.HostState.TransitioningToRunning
wait_until 30 has_state 21-0050 collected
wait_until 30 has_events 10
show $COLLECTION recollect 30-0050
expect collected "$(state 30-0050)" "memory that cannot be read now"

echo
show $COLLECTION status
say "nothing of this is a failed unit but the slot with the broken line"
expect "vpd-slot@prepare:22\\x2d0050.service" "$(systemctl --failed --no-legend --plain | awk '{print $1}')" "failed units"
