. /usr/local/lib/bed/vpd.sh
. /usr/local/lib/bed/writes.sh
. /usr/local/lib/bed/contents.sh
export LC_ALL=C
mkdir -p "$KEPT"
settle
if [ "$BOOT" = 1 ]; then
    expect no "$(systemctl show -P ConditionResult vpd-recover.service)" "condition of the recovery"
    make_contents one two
else
    while read -r kind name point; do
        say "after a cut: $kind, to $name, $point"
        # The journal was durable before the first byte: the write goes on.
        echo "$name" > "$KEPT/now.$kind"
    done < "$KEPT/point"
    expect_recovered_first
    expect "$(wc -l < "$KEPT/point")" "$(grep -c 'the interrupted write was finished' "$RESULTS/recovery")" \
        "writes that were finished: $(cat "$RESULTS/recovery")"
    expect "active" "$(systemctl is-active vpd-collection.target)" "vpd-collection.target"
    expect "" "$(systemctl --failed --no-legend --plain)" "failed units"
    expect_all
    expect_only_changed "$KEPT/shown" /system/card /system/supply
fi

# cut_late LAST SEED: starts the write of the keyword FRU, and comes back in its last cycle, which has been under way for a while.
# What believes a write that the driver has returned from is at its end by now.
cut_late() {
    local last=$(($(cycles) + $1))
    echo "$2" > "$CYCLES/seed"
    echo 10000000 > "$(chip 23-0050)/twr_us"
    write_keyword "$(other "$(now keyword)")" > /dev/null 2>&1 &
    is_last() { [ "$(cycles)" = $last ]; }
    wait_until 60 is_last
    nap 0.7
}

if [ -z "$FULL" ] && [ "$BOOT" = 1 ]; then
    say "cut: both FRUs at once, keyword late, ipz in its first byte of all: what is not durable now is lost"
    printf '%s\n' "keyword $(other "$(now keyword)") late" "ipz $(other "$(now ipz)") first" > "$KEPT/point"
    sync
    cut_late "$(cat "$KEPT/cycles.keyword")" 4
    cut_in_cycle 1 during 3
    write_ipz "$(other "$(now ipz)")" > /dev/null
    fail "the power is still there"
fi

# point: of which FRU which cycle is cut, how, and with which seed. In full each cycle is, before it, in it, in two ways, and
# after it.
point() {
    local ipz_cycles keyword_cycles number=$((BOOT - 1)) kind=ipz cycle
    ipz_cycles=$(cat "$KEPT/cycles.ipz")
    keyword_cycles=$(cat "$KEPT/cycles.keyword")
    if [ $number -ge $((ipz_cycles * 4)) ]; then
        number=$((number - ipz_cycles * 4))
        kind=keyword
        if [ $number -ge $((keyword_cycles * 4)) ]; then
            echo keyword "$keyword_cycles" late $BOOT
            return
        fi
    fi
    cycle=$((number / 4 + 1))
    case $((number % 4)) in
    0) echo $kind $cycle before 0 ;;
    1) echo $kind $cycle during $((cycle * 5)) ;;
    2) echo $kind $cycle during $((cycle * 5 + 1 + cycle % 4)) ;;
    3) echo $kind $cycle after 0 ;;
    esac
}

[ "$BOOT" -lt 61 ] || exit 0
read -r kind cycle phase seed <<< "$(point)"
name=$(other "$(now "$kind")")
# What was answered holds: the other FRU is written before.
if [ "$kind" = ipz ]; then
    write keyword "$(other "$(now keyword)")"
else
    write ipz "$(other "$(now ipz)")"
fi
say "cut: $kind, to $name, cycle $cycle, $phase, seed $seed"
echo "$kind $name $cycle $phase $seed" > "$KEPT/point"
sync
if [ "$phase" = late ]; then
    cut_late "$cycle" "$seed"
    cut_power
fi
cut_in_cycle "$cycle" "$phase" "$seed"
"write_$kind" "$name" > /dev/null
fail "the power is still there"
