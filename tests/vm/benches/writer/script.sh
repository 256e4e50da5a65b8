# `cargo xtask bench writer --machine` reads what this leaves in its results.
. /usr/local/lib/bed/vpd.sh
. /usr/local/lib/bed/writes.sh
settle
expect "" "$(systemctl --failed --no-legend --plain)" "failed units"

OBJECT=/system/fru_11_0
KEY=11-0050
PARSER='ipz-vpd-parser@11\x2d0050.service'
TRACING=/sys/kernel/tracing
# What a write was at its last time is nothing to compare the next one with.
write() {
    manager WriteKeyword ossay $OBJECT VINI SN $(bytes "YVIV0000$1") > /dev/null
}
# The service is started, and what it does has been done once.
write 1000
write 1001

say "system calls of single writes"
mount -t tracefs tracefs $TRACING
echo mono > $TRACING/trace_clock
echo 8192 > $TRACING/buffer_size_kb
for call in pwrite64 pread64 fsync fdatasync unlink unlinkat sendmsg; do
    echo 1 > $TRACING/events/syscalls/sys_enter_$call/enable
    echo 1 > $TRACING/events/syscalls/sys_exit_$call/enable
done
# Threads that it starts later are its own too.
echo 1 > $TRACING/options/event-fork
ls "/proc/$(systemctl show -P MainPID vpd-writer.service)/task" > $TRACING/set_event_pid
mkdir "$RESULTS/traces"
for number in 1 2 3 4 5 6 7 8 9; do
    before="$(cycles $KEY) $(cycle_bytes $KEY)"
    : > $TRACING/trace
    echo 1 > $TRACING/tracing_on
    write 200$number
    echo 0 > $TRACING/tracing_on
    cat $TRACING/trace > "$RESULTS/traces/$number"
    echo "$number $before $(cycles $KEY) $(cycle_bytes $KEY)" >> "$RESULTS/cycles"
done

say "the parser by itself"
for number in 1 2 3 4 5 6 7 8 9; do
    # Or PID 1 would refuse after the third.
    systemctl reset-failed "$PARSER"
    systemctl restart "$PARSER"
    systemctl show "$PARSER" > /run/bed/shown
    sed -n 's/^\(InactiveExit\|ActiveEnter\)TimestampMonotonic=//p' /run/bed/shown | sort -n | paste -sd ' ' >> "$RESULTS/parsers"
    wait_until 30 has_state $KEY collected
done

wires=(10 11 12 13)
# rounds, by_fru: a hundred writes, in the order in which they are asked for: all FRUs once, and so on; or the writes of a FRU behind
# each other. Each is a FRU and the last digit of its new serial number.
rounds() {
    local round chip bus
    for round in 1 2 3 4 5; do for chip in 0 1 2 3 4; do for bus in "${wires[@]}"; do echo "${bus}_$chip $round"; done; done; done
}
by_fru() {
    local round chip bus
    for chip in 0 1 2 3 4; do for round in 1 2 3 4 5; do for bus in "${wires[@]}"; do echo "${bus}_$chip $round"; done; done; done
}
in_use() {
    local bus
    for bus in "${wires[@]}"; do echo "$bus $(cat $EEPROMS/$bus/busy_us) $(($(cat $EEPROMS/$bus-*/cycles | paste -sd +)))"; done
}
# storm ORDER TWR_US SERIAL: a hundred writes to twenty FRUs, as many at once as the service lets wait.
storm() {
    local order=$1 twr=$2 serial=$3 runs before began ended fru round bus wire cycles call calls=()
    say "a hundred writes, $order, a write cycle takes $twr us"
    for chip in $EEPROMS/1[0-3]-*; do echo "$twr" > "$chip/twr_us"; done
    runs=$(parser_runs)
    before=$(in_use)
    read -r began _ < /proc/uptime
    while read -r fru round; do
        while [ ${#calls[@]} -ge 60 ]; do
            wait "${calls[0]}"
            calls=("${calls[@]:1}")
        done
        # A process of its own for each, so the one that is made soonest.
        dbus-send --system --print-reply --reply-timeout=120000 --dest=com.ibm.VPD.Manager /com/ibm/VPD/Manager \
            com.ibm.VPD.Manager.WriteKeyword objpath:/system/fru_$fru string:VINI string:SN \
            array:byte:"$serial,$((48 + round))" > /dev/null &
        calls+=($!)
    done < <($order)
    for call in "${calls[@]}"; do wait "$call"; done
    read -r ended _ < /proc/uptime
    echo "$order-$twr $twr $(((${ended/./} - ${began/./}) * 10000)) $(($(parser_runs) - runs)) 20" >> "$RESULTS/storms"
    paste -d ' ' <(echo "$before") <(in_use) | while read -r bus wire cycles _ wire_after cycles_after; do
        echo "$order-$twr $bus $((wire_after - wire)) $((cycles_after - cycles))"
    done >> "$RESULTS/wires"
}
storm rounds 5000 89,86,73,86,48,48,48,48,49,48,48
storm by_fru 5000 89,86,73,86,48,48,48,48,50,48,48
storm rounds 100000 89,86,73,86,48,48,48,48,51,48,48
storm by_fru 100000 89,86,73,86,48,48,48,48,52,48,48
expect_settled
expect_no_events
