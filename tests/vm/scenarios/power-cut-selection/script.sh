. /usr/local/lib/bed/vpd.sh
. /etc/bed/seed.sh
read_seed
run=/run/vivianite/vpd
memory=/var/lib/vivianite/vpd
keep=/var/lib/bed
mkdir -p $keep

if [ "$is_cut" = 1 ]; then
    # The choice is made and remembered, and the moment is still to come.
    wait_until 60 [ -e /run/bed/cut ]
    say "seed $seed: cut after the machine was ready"
    cut_power
fi

fact() {
    sed -n "s/^$1 = \"\(.*\)\"\$/\1/p" $run/selection.toml
}
remembered=$(sed -n 's/^system = "\(.*\)"$/\1/p' $memory/last-system 2> /dev/null || true)
say "seed $seed: $(fact system), $(fact cause); remembered: $remembered; files: $(ls -A $memory | paste -sd ' ')"
expect "" "$(systemctl --failed --no-legend --plain)" "failed units"
expect "/usr/share/vivianite/vpd/systems/$(fact system)" "$(readlink $run/active)" "link"
if [ "$seed" = 0 ]; then
    expect "demo matched" "$(fact system) $(fact cause)" "choice"
    started=$(systemctl show -P ExecMainStartTimestampMonotonic vpd-select.service)
    ended=$(systemctl show -P ExecMainExitTimestampMonotonic vpd-select.service)
    echo $(((ended - started) / 1000)) > $keep/took-ms
    say "selection took $(cat $keep/took-ms) ms"
else
    read -r old new < $keep/choices
    case $remembered in
    "") expect "none common no-choice" "$old $(fact system) $(fact cause)" "choice without a memory" ;;
    "$old" | "$new") expect "$remembered last-choice" "$(fact system) $(fact cause)" "choice" ;;
    *) fail "neither $old nor $new is remembered: '$remembered'" ;;
    esac
fi

# The next seed is of the other system; some begin without a memory.
case $((seed + 1)) in
2 | 5)
    rm -rf $memory/last-system
    remembered=
    ;;
esac
if [ "$remembered" = demo ]; then
    vpd-tool build /etc/bed/other.toml --output /run/other.bin
    cat /run/other.bin > "$EEPROMS/10-0050/image"
    echo demo other > $keep/choices
else
    load 10-0050 10-0051
    echo "${remembered:-none}" demo > $keep/choices
fi
