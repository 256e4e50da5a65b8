# Each boot fails in a way of its own; the scenario says which failure the bed has to find.
case $BOOT in
1)
    fails_with() {
        return "$1"
    }
    fails_with 3
    ;;
2)
    sleep infinity
    ;;
3)
    echo 1 > "$GPIO/warn"
    fail "the kernel goes on after a warning"
    ;;
4)
    # Whoever would end the machine is stopped: nothing happens any more, and nobody says so.
    # (Our parent is the time limit; its parent waits for it.)
    read -r _ _ _ wrapper _ < "/proc/$PPID/stat"
    say "stopping process $wrapper"
    kill -STOP "$wrapper"
    sleep infinity
    ;;
esac
