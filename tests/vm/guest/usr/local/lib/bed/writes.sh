# Words for scenarios about writes of vital product data; a script takes them in with `. /usr/local/lib/bed/writes.sh`, after
# vpd.sh.

MANAGER="com.ibm.VPD.Manager /com/ibm/VPD/Manager com.ibm.VPD.Manager"
WRITER1="com.ibm.VPD.Manager /com/ibm/VPD/Manager io.vivianite.Vpd.Writer1"
WRITER_STATE=/var/lib/vivianite/vpd-writer
# Where cells and the inventory are kept from boot to boot, on the disk.
KEPT=/var/lib/bed

# bytes TEXT: as busctl wants an array of bytes: how many, and each.
bytes() {
    printf '%s' "$1" | od -An -v -tu1 -w1 | awk '{ all = all " " $1 } END { print NR all }'
}

# change RECORD KEYWORD TEXT: a row for write_batch. write_batch PATH ROW...: all keywords of a FRU at once.
change() {
    echo "$1 $2 $(bytes "$3") 0 0"
}
write_batch() {
    local path=$1
    shift
    # shellcheck disable=SC2068,SC2086
    busctl --timeout=120 call $WRITER1 Write 'sa(ssayayay)a{sv}' "$path" $# $@ 0
}

# manager METHOD ARGUMENTS...: a call to the writer, as clients of openpower-vpd-parser's make it.
manager() {
    # shellcheck disable=SC2086
    busctl --timeout=120 call $MANAGER "$@"
}

# refused NAME COMMAND...: a call that is refused with this error.
refused() {
    local name=$1 said status=0
    shift
    said=$(SYSTEMD_LOG_LEVEL=debug "$@" 2>&1) || status=$?
    [ "$status" != 0 ] || fail "this was not refused with $name: $*"
    [[ $said == *"$name"* ]] || fail "this was to be refused with $name: $*: $said"
}

# keep KEY NAME: what the cells hold now is called so. holds KEY NAME: they hold that now; shows what differs otherwise.
keep() {
    cat "$(chip "$1")/image" > "$KEPT/$1.$2"
}
holds() {
    # By a pipe: where cells were overwritten, their file says that it is empty, which is enough for cmp.
    cat "$(chip "$1")/image" | cmp -s - "$KEPT/$1.$2"
}
expect_holds() {
    holds "$1" "$2" || fail "$1 does not hold what is called $2: $(cmp -l "$(chip "$1")/image" "$KEPT/$1.$2" | head -n 20)"
}

# expect_settled: no write is pending, and none was rejected.
expect_settled() {
    local folder
    for folder in journals journals-of-copies rejected; do
        expect "" "$(ls -A "$WRITER_STATE/$folder")" "what is in the folder $folder"
    done
    # shellcheck disable=SC2086
    expect "a(ss) 0" "$(busctl call $WRITER1 Pending)" "pending writes"
}

# expect_no_events: the event log was told nothing.
expect_no_events() {
    expect "" "$(peer_calls event-log | grep 'Logging.Create' || true)" "events"
}

# events: of the log's entries, each with severity and description.
events() {
    peer_calls event-log | sed -n 's/.*Create "[^"]*" "[^"]*\.\([A-Za-z]*\)" .*"DESCRIPTION": "\([^"]*\)".*/\1: \2/p'
}

# parser_runs [PATTERN]: how often parsers have run in this boot.
parser_runs() {
    journalctl -b -o cat -u "${1:-*-vpd-parser@*}" --no-pager | grep -c '^Starting ' || true
}

# expect_recovered_first: recovery came to its end before a system was chosen.
expect_recovered_first() {
    local ended chosen
    expect "0 exited" "$(systemctl show -P ExecMainStatus vpd-recover.service) $(
        journalctl -b -o cat -u vpd-recover.service --no-pager > "$RESULTS/recovery" && echo exited
    )" "status of the recovery"
    ended=$(systemctl show -P ExecMainExitTimestampMonotonic vpd-recover.service)
    chosen=$(systemctl show -P ExecMainStartTimestampMonotonic vpd-select.service)
    [ "$ended" -gt 0 ] || fail "there was no recovery"
    [ "$ended" -lt "$chosen" ] || fail "the recovery ended at $ended, and a system was chosen from $chosen on"
}

# expect_only_changed REFERENCE OBJECT...: the inventory shows what it showed then, but for these objects.
expect_only_changed() {
    local reference=$1 object pattern=
    shift
    for object in "$@"; do
        pattern+="^$INVENTORY_ROOT$object |"
    done
    shown > "$RESULTS/shown"
    diff <(grep -Ev "${pattern%|}" "$reference") <(grep -Ev "${pattern%|}" "$RESULTS/shown") ||
        fail "something else in the inventory has changed"
}
