# All has been stopped, the bus too.
journal=$RESULTS/journal-at-end
journalctl -b -o cat --no-pager > "$journal"
# line TEXT: the last line of the journal that has it, 0 if none has.
line() {
    awk -v text="$1" 'index($0, text) {last = NR} END {print last + 0}' "$journal"
}
has() {
    [ "$(line "$1")" != 0 ]
}

say "the bus went after every daemon"
bus=$(line 'Stopping dbus.service')
[ "$bus" != 0 ] || fail "the bus was not stopped"
for unit in vpd-collection inventory-manager image-manager; do
    ended=$(line "Stopped $unit.service")
    [ "$ended" != 0 ] || fail "$unit was not stopped"
    [ "$ended" -lt "$bus" ] || fail "the bus was stopped before $unit had ended"
done

say "what became of the event after SIGTERM is noted: it failed, and will be told again"
has 'the event log has left the bus' || fail "the event log could not be told any more to leave"
# A host that is busy may take longer for that than the service waits, which it says then.
if ! has 'the event log does not answer, it is not waited for any longer'; then
    noted=$(sed -n 's/"[^"]*" =//g; s/^delivered = //p' /var/lib/vivianite/vpd-collection/events | grep -o '"[^"]*"' | wc -l)
    expect "$(cat /run/bed/noted)" "$noted" "events noted"
fi
