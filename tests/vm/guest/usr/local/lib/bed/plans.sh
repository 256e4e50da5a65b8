# Words for comparing what the unit runner plans with what systemd does; sourced by scripts that need them.

# planned UNIT argv|env: the plan's lines of this kind; those of an environment have no order.
planned() {
    if [ "$2" = env ]; then sed -n "s/^env //p" "/etc/bed/plans/$1" | sort; else sed -n "s/^$2 //p" "/etc/bed/plans/$1"; fi
}

# lines FILE: what the kernel separates by NULs.
lines() {
    tr '\0' '\n' < "$1"
}

# given: an environment less what differs from start to start, or from image to image.
given() {
    grep -Ev '^(INVOCATION_ID|JOURNAL_STREAM|SYSTEMD_EXEC_PID|NOTIFY_SOCKET|WATCHDOG_PID|LANG)=' | sort
}

# same UNIT argv|env: standard input is as planned; otherwise the difference is shown. It ends the script: a count would be
# lost with the subshell of the pipe.
same() {
    diff -u --label "planned: $1" --label "systemd: $1" <(planned "$1" "$2") - || fail "$1 is not started as planned"
}

# same_daemon UNIT: a running service has the planned command line and environment.
same_daemon() {
    local pid
    pid=$(systemctl show -P MainPID "$1")
    [ "$pid" != 0 ] || fail "$1 does not run"
    lines "/proc/$pid/cmdline" | same "$1" argv
    lines "/proc/$pid/environ" | given | same "$1" env
}

# same_one_shot UNIT: what systemd would run, by its own account, which shows no quotes.
same_one_shot() {
    systemctl show -P ExecStart "$1" | sed 's/.* argv\[\]=//; s/ ; ignore_errors=.*//' | tr ' ' '\n' | same "$1" argv
}
