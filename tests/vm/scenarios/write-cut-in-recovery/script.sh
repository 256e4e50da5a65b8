. /usr/local/lib/bed/vpd.sh
. /usr/local/lib/bed/writes.sh
. /usr/local/lib/bed/contents.sh
export LC_ALL=C
mkdir -p "$KEPT"

settle
if [ "$BOOT" = 1 ]; then
    make_contents one two
elif [ "$BOOT" -le 60 ] && [ $((BOOT % 3)) != 1 ]; then
    # The recovery had fewer cycles than the one that was to be cut.
    [ -n "$FULL" ] || fail "the recovery was not cut"
    cut_power
else
    read -r kind name point < "$KEPT/point"
    say "after the cuts: $kind, to $name, $point"
    echo "$name" > "$KEPT/now.$kind"
    if [ -z "$FULL" ]; then
        expect_recovered_first
        [[ $(cat "$RESULTS/recovery") == *"the interrupted write was finished"* ]] ||
            fail "the recovery says something else: $(cat "$RESULTS/recovery")"
    fi
    expect "" "$(systemctl --failed --no-legend --plain)" "failed units"
    expect_all
    expect_only_changed "$KEPT/shown" /system/card /system/supply
fi
[ "$BOOT" -le 60 ] || exit 0

# Early cycles leave most to the recovery; every third round is of the other FRU.
round=$(((BOOT - 1) / 3))
kind=ipz
[ $((round % 3)) != 2 ] || kind=keyword
cycle=$((round % $(cat "$KEPT/cycles.$kind") + 1))
# Both EEPROMs of the FRU are in use: the redundant one is new, of the other one a page is torn.
[ -n "$FULL" ] || cycle=$(($(cat "$KEPT/cycles.$kind") / 2 + 1))
seed=$((5 * round + 4 - round % 5))
name=$(other "$(now $kind)")
say "cut: $kind, to $name, cycle $cycle, seed $seed"
echo "$kind $name $cycle $seed" > "$KEPT/point"
sync
cut_in_cycle $cycle during $seed
"write_$kind" "$name" > /dev/null
fail "the power is still there"
