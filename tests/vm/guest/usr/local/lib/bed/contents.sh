# Words about the FRUs of scenarios whose writes are cut, see scenarios/write-power-cut/configs; sourced after writes.sh.

# Each FRU has two contents, "one" and "two"; a write makes one of the other. "three" is another part's.
ipz="20-0050 21-0050"
keyword="23-0050 spi22.0"
others="10-0050 10-0051"

# write_ipz NAME, write_keyword NAME: the FRU gets this content; two records, so several pages.
write_ipz() {
    case $1 in
    one) write_batch /system/card "$(change VINI SN YVIV00007777)" "$(change VSYS SE 77VV777)" ;;
    two) write_batch /system/card "$(change VINI SN YVIV00008888)" "$(change VSYS SE 88VV888)" ;;
    three) write_batch /system/card "$(change VINI SN YVIV00009999)" "$(change VSYS SE 99VV999)" ;;
    esac
}
write_keyword() {
    case $1 in
    one) manager UpdateKeyword sv /system/supply '(say)' SN $(bytes YVIV00007777) ;;
    two) manager UpdateKeyword sv /system/supply '(say)' SN $(bytes YVIV00008888) ;;
    three) manager UpdateKeyword sv /system/supply '(say)' SN $(bytes YVIV00009999) ;;
    esac
}
serial_of() {
    case $1 in
    one) echo 's "YVIV00007777"' ;;
    two) echo 's "YVIV00008888"' ;;
    three) echo 's "YVIV00009999"' ;;
    esac
}
other() {
    if [ "$1" = one ]; then echo two; else echo one; fi
}
# now KIND: which content a FRU has, by what was answered or judged last.
now() {
    cat "$KEPT/now.$1"
}
# write KIND NAME: to its end.
write() {
    local before
    before=$(cycles)
    "write_$1" "$2" > /dev/null
    echo "$2" > "$KEPT/now.$1"
    echo $(($(cycles) - before)) > "$KEPT/cycles.$1"
}
# make_contents NAME...: writes these contents of each FRU, and keeps them, and what the inventory shows.
make_contents() {
    local name key
    for name in "$@"; do
        write ipz $name
        write keyword $name
        for key in $ipz $keyword; do keep "$key" $name; done
    done
    cmp "$KEPT/20-0050.$name" "$KEPT/21-0050.$name" || fail "both EEPROMs of the card are not alike"
    cmp "$KEPT/23-0050.$name" "$KEPT/spi22.0.$name" || fail "both EEPROMs of the supply are not alike"
    for key in $others; do keep "$key" always; done
    shown > "$KEPT/shown"
    expect_all
}
# expect_all: every EEPROM holds what it shall, whole, the inventory shows it, and nothing is left to do or to tell.
expect_all() {
    local key
    for key in $ipz; do expect_holds "$key" "$(now ipz)"; done
    for key in $keyword; do expect_holds "$key" "$(now keyword)"; done
    for key in $others; do expect_holds "$key" always; done
    expect "$(serial_of "$(now ipz)")" "$(serial /system/card)" "serial number of the card"
    expect "$(serial_of "$(now keyword)")" "$(serial /system/supply)" "serial number of the supply"
    expect_settled
    expect_no_events
}
