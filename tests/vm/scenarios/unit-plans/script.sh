settle
mkdir -p -m 1777 /run/bed/probe
differences=0

# planned UNIT argv|env: the plan's lines.
planned() {
    sed -n "s/^$2 //p" "/etc/bed/plans/$1"
}

# What differs from start to start, or from image to image.
own_of_systemd() {
    grep -Ev '^(INVOCATION_ID|JOURNAL_STREAM|SYSTEMD_EXEC_PID|NOTIFY_SOCKET|WATCHDOG_PID|LANG)=' | sort
}

# compare UNIT WHAT FOUND: a file of lines is as planned.
compare() {
    local sorted=cat
    [ "$2" = argv ] || sorted=sort
    if ! diff -u --label "planned: $1" --label "systemd: $1" <(planned "$1" "$2" | $sorted) "$3"; then
        differences=$((differences + 1))
    fi
}

for unit in 'bed-probe@10\x2d0050.service' 'bed-probe-short@file:a\x20b.service'; do
    say "$unit"
    systemctl start "$unit" || fail "$unit did not start"
    own_of_systemd < "/run/bed/probe/$unit.env" > "$RESULTS/probe.env"
    compare "$unit" argv "/run/bed/probe/$unit.argv"
    compare "$unit" env "$RESULTS/probe.env"
done

say "a daemon of ours"
systemctl start inventory-manager.service
pid=$(systemctl show -P MainPID inventory-manager.service)
tr '\0' '\n' < "/proc/$pid/cmdline" > "$RESULTS/daemon.argv"
tr '\0' '\n' < "/proc/$pid/environ" | own_of_systemd > "$RESULTS/daemon.env"
compare inventory-manager.service argv "$RESULTS/daemon.argv"
compare inventory-manager.service env "$RESULTS/daemon.env"

say "one-shots of ours: what systemd would run"
for unit in 'ipz-vpd-parser@10\x2d0050.service' 'keyword-vpd-parser@file:x.service'; do
    systemctl show -P ExecStart "$unit" | sed 's/.* argv\[\]=//; s/ ; ignore_errors=.*//' | tr ' ' '\n' > "$RESULTS/one-shot.argv"
    compare "$unit" argv "$RESULTS/one-shot.argv"
done
expect 0 "$differences" "differences between plans and systemd"
