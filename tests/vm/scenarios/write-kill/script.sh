. /usr/local/lib/bed/vpd.sh
. /usr/local/lib/bed/writes.sh
mkdir -p "$KEPT"
P=/system/chassis/motherboard
panel="12-0050 spi13.0"
peer_forget event-log
for name in A B; do
    manager WriteKeyword ossay $P/panel VINI SN $(bytes YVIV0000000$name)
    for key in $panel; do keep $key $name; done
done
before=$(cycles)
manager WriteKeyword ossay $P/panel VINI SN $(bytes YVIV0000000A)
all=$(($(cycles) - before))
now=A
say "a write has $all cycles"
echo 300000 > "$(chip 12-0050)/twr_us"
# The driver waits 25 ms for it at most.
echo 20000 > "$(chip spi13.0)/twr_us"

# killed UNIT CYCLE: in that cycle of a write. Sets "answer".
killed() {
    local unit=$1 cycle=$2 begun call name=A
    [ $now = B ] || name=B
    begun=$(cycles)
    manager WriteKeyword ossay $P/panel VINI SN $(bytes YVIV0000000$name) > "$RESULTS/written" 2>&1 &
    call=$!
    is_in_cycle() { [ "$(cycles)" -ge $((begun + cycle)) ]; }
    wait_until 30 is_in_cycle
    systemctl kill --signal=KILL "$unit"
    answer=refused
    if wait $call; then answer=$(cat "$RESULTS/written"); fi
    say "$unit was killed in cycle $cycle: $answer"
    now=$name
    is_active() { [ "$(systemctl is-active "$unit")" = active ]; }
    case $unit in
    *parser*) ;;
    *) wait_until 30 is_active ;;
    esac
    is_settled() { [ -z "$(ls -A $WRITER_STATE/journals)" ]; }
    wait_until 30 is_settled
    # The journal was durable before the first cycle, so the write is finished in any case.
    for key in $panel; do expect_holds $key $now; done
    is_shown() { [ "$(serial $P/panel)" = "s \"YVIV0000000$now\"" ]; }
    wait_until 30 is_shown
    wait_until 30 has_state 12-0050 collected
    expect ok "$(outcome 12-0050)" "outcome of the reading"
    expect_settled
}
cycles_of_all=$(seq "$all")
[ -n "$FULL" ] || cycles_of_all=1
for cycle in $cycles_of_all; do killed vpd-writer.service "$cycle"; done
for unit in vpd-collection.service inventory-manager.service; do
    killed $unit 1
    expect "i 12" "$answer" "answer of a write while $unit is away"
done
say "the parser is killed in the reading that follows a write"
echo 10 > "$EEPROMS/12/khz"
name=B
[ $now = A ] || name=A
manager WriteKeyword ossay $P/panel VINI SN $(bytes YVIV0000000$name) > "$RESULTS/written" 2>&1 &
call=$!
parser='ipz-vpd-parser@12\x2d0050.service'
is_reading() { [ "$(systemctl is-active "$parser")" = activating ]; }
wait_until 60 is_reading
systemctl kill --signal=KILL "$parser"
echo 400 > "$EEPROMS/12/khz"
wait $call || true
expect "i 12" "$(cat "$RESULTS/written")" "answer of a write whose parser is killed"
for key in $panel; do expect_holds $key $name; done
is_shown() { [ "$(serial $P/panel)" = "s \"YVIV0000000$name\"" ]; }
[ "$(state 12-0050)" = collected ] || $COLLECTION recollect 12-0050
wait_until 30 is_shown
wait_until 30 has_state 12-0050 collected
echo 5000 > "$(chip 12-0050)/twr_us"
echo 10000 > "$(chip spi13.0)/twr_us"
expect_settled
events
[ -z "$(events | grep -v 'ended by signal')" ] || fail "other events: $(events)"
peer_forget event-log
