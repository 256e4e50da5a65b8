logging=(xyz.openbmc_project.Logging /xyz/openbmc_project/logging xyz.openbmc_project.Logging.Create)
mapper=(xyz.openbmc_project.ObjectMapper /xyz/openbmc_project/object_mapper xyz.openbmc_project.ObjectMapper)
state=xyz.openbmc_project.State
# The second is for what never comes; an answer may take its time.
log() {
    busctl --timeout="${3-60}" call "${logging[@]}" Create 'ssa{ss}' "$1" "xyz.openbmc_project.Logging.Entry.Level.Error" 1 FRU "$2"
}
# complains TEXT... -- COMMAND...: a command fails and says one of the texts.
complains() {
    local texts=() said
    while [ "$1" != -- ]; do
        texts+=("$1")
        shift
    done
    shift
    if said=$("$@" 2>&1); then fail "this succeeded: $*"; fi
    for text in "${texts[@]}"; do
        [[ $said != *"$text"* ]] || return 0
    done
    fail "$* complains: $said"
}

say "the bus is $(systemctl show -P Id dbus.service)"
expect "active" "$(systemctl is-active bed-peers.service)" "the stand-ins"

say "at first, as the scenario says"
complains "not activatable" "not provided" -- log early 10-0050 1
expect "" "$(peer_calls event-log)" "calls that nobody took"
property() {
    # Of its verbs, busctl limits only calls.
    busctl --timeout="${4-60}" call "$state.$1" "/xyz/openbmc_project/state/$2" \
        org.freedesktop.DBus.Properties Get ss "$state.$1" "$3"
}
expect 'v s "xyz.openbmc_project.State.Chassis.PowerState.Off"' "$(property Chassis chassis0 CurrentPowerState)" "power"
complains "timed out" -- property Host host0 CurrentHostState 1
complains "timed out" -- property BMC bmc0 CurrentBMCState 1
expect 'v s "xyz.openbmc_project.State.BMC.BMCState.Ready"' "$(property BMC bmc0 CurrentBMCState)" "a slow peer's answer"
get='/xyz/openbmc_project/state/host0 org.freedesktop.DBus.Properties.Get "xyz.openbmc_project.State.Host" "CurrentHostState"'
expect "$get" "$(peer_calls host-state)" "what the hanging peer was asked"
expect 2 "$(peer_calls bmc-state | grep -c CurrentBMCState)" "calls that the slow peer took"

say "changed while the machine runs"
peer event-log normal
expect 'o "/xyz/openbmc_project/logging/entry/1"' "$(log first 10-0050)" "the first entry"
peer event-log slow 300
expect 'o "/xyz/openbmc_project/logging/entry/2"' "$(log 'second "of two"' 10-0051)" "the second entry"
expect 's "second \"of two\""' "$(busctl get-property "${logging[0]}" "${logging[1]}/entry/2" \
    xyz.openbmc_project.Logging.Entry Message)" "the message"
expect 2 "$(peer_calls event-log | grep -c ' xyz.openbmc_project.Logging.Create.Create ')" "events"
expect_call event-log '{"FRU": "10-0051"}'
peer_forget event-log
expect "" "$(peer_calls event-log)" "calls after they were forgotten"

peer_set chassis-state CurrentPowerState "$state.Chassis.PowerState.On"
expect 'v s "xyz.openbmc_project.State.Chassis.PowerState.On"' "$(property Chassis chassis0 CurrentPowerState)" "power on"

say "the object mapper"
object=/xyz/openbmc_project/inventory/system
item=xyz.openbmc_project.Inventory.Item
expect "a{sas} 1 \"xyz.openbmc_project.Inventory.Manager\" 1 \"$item\"" \
    "$(busctl call "${mapper[@]}" GetObject sas "$object" 0)" "who has an object"
map "$object/chassis" com.example.Other "$item" "$item.Chassis"
expect "as 2 \"$object\" \"$object/chassis\"" "$(busctl call "${mapper[@]}" GetSubTreePaths sias / 0 1 "$item")" "a subtree"
unmap "$object/chassis"
expect "as 1 \"$object\"" "$(busctl call "${mapper[@]}" GetSubTreePaths sias / 0 0)" "a subtree without it"
expect "" "$(systemctl --failed --no-legend --plain)" "failed units"
