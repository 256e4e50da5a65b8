# `cargo xtask bench sandbox` has put variants of a unit into place, and says in which order they are started.
settle
# Without vpd-collection nobody has asked for it.
systemctl start vpd-select.service
expect "" "$(systemctl --failed --no-legend --plain)" "failed units"

# usage CGROUP: microseconds of processor time.
usage() {
    awk '$1 == "usage_usec" { print $2 }' "/sys/fs/cgroup/$1/cpu.stat"
}
# shown PROPERTY: of the unit that was shown last.
shown() {
    sed -n "s/^$1=//p" /run/bed/shown
}

say "exposure"
while read -r unit; do
    systemd-analyze security --offline=false --no-pager "$unit" > "$RESULTS/exposure-$unit" || true
    line=$(grep 'Overall exposure level' "$RESULTS/exposure-$unit") || fail "there is no score of $unit"
    echo "$unit $(sed 's/.*: \([0-9.]*\).*/\1/' <<< "$line")" >> "$RESULTS/scores"
done < /etc/bed/bench/units

say "$(wc -l < /etc/bed/bench/starts) starts"
while read -r unit; do
    # What another user has made is handed over at the start, at the expense of whoever starts.
    user=$(sed -n 's/^User=//p' "/etc/systemd/system/${unit/@*./@.}")
    chown -R "${user:-root}:" /run/vivianite/vpd /var/lib/vivianite/vpd
    before=$(usage init.scope)
    systemctl start "$unit"
    managed=$(($(usage init.scope) - before))
    systemctl show "$unit" > /run/bed/shown
    expect 0 "$(shown ExecMainStatus)" "exit status of $unit"
    expect active "$(shown ActiveState)" "state of $unit"
    wall=$(($(shown ActiveEnterTimestampMonotonic) - $(shown InactiveExitTimestampMonotonic)))
    echo "$unit $(shown CPUUsageNSec) $wall $managed" >> "$RESULTS/starts"
    systemctl stop "$unit"
done < /etc/bed/bench/starts
