. /usr/local/lib/bed/vpd.sh
. /usr/local/lib/bed/writes.sh
settle
keys=()
for bus in 10 11 12 13; do for chip in 0 1 2 3 4; do keys+=("$bus-005$chip"); done; done
# One write of each kind, to know what it costs.
before=$(cycles)
for object in 10_0 11_0; do
    manager WriteKeyword ossay /system/fru_$object VINI SN $(bytes YVIV00000000) > /dev/null
done
each=$((($(cycles) - before) / 2))
say "a write has $each cycles"

before=$(cycles)
runs_before=$(parser_runs)
read -r began _ < /proc/uptime
calls=()
for round in 1 2 3 4 5; do
    for key in "${keys[@]}"; do
        object=${key/-005/_}
        # Each ends in its round's number, the last one counts.
        manager WriteKeyword ossay "/system/fru_$object" VINI SN $(bytes "YVIV0000100$round") > /dev/null &
        calls+=($!)
        # No more than 64 callers may wait at once.
        if [ ${#calls[@]} -ge 40 ]; then
            for call in "${calls[@]}"; do wait "$call"; done
            calls=()
        fi
    done
done
for call in "${calls[@]}"; do wait "$call"; done
read -r ended _ < /proc/uptime
spent=$(($(cycles) - before))
runs=$(($(parser_runs) - runs_before))
say "100 writes: $spent cycles, $runs runs of parsers, $(((${ended/./} - ${began/./}) / 100)) s"
for key in "${keys[@]}"; do
    found=$(serial "/system/fru_${key/-005/_}")
    # Calls of one round come from different processes; the rounds follow each other in pairs.
    [[ $found == 's "YVIV0000100'[45]'"' ]] || fail "$key shows $found"
    expect ok "$(outcome "$key")" "outcome of $key"
done
# Between the last two rounds order is the callers' own; a write that finds its value there has no cycle.
[ $spent -le $((100 * (each + 1))) ] || fail "100 writes had $spent cycles, one has $each"
# 40 calls at a time are three waves of 20 runs; the first calls of a wave may have runs of their own.
[ $runs -le 80 ] || fail "parsers ran $runs times"
expect_settled
expect_no_events
