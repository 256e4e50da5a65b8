. /usr/local/lib/bed/vpd.sh
. /usr/local/lib/bed/writes.sh
mkdir -p "$KEPT"
P=/system/chassis/motherboard
peer_forget event-log
manager WriteKeyword ossay $P/panel VINI SN $(bytes YVIV00001313)
for key in 12-0050 spi13.0; do keep $key one; done

# dies KEY CYCLE PHASE
dies() {
    say "$1 falls silent in cycle $2, $3"
    fail_in_cycle "$1" "$2" "$3"
    refused xyz.openbmc_project.Common.Device.Error.WriteFailure \
        manager WriteKeyword ossay $P/panel VINI SN $(bytes YVIV00001414)
    # shellcheck disable=SC2086
    [[ $(busctl call $WRITER1 Pending) == 'a(ss) 1 "12-0050" '* ]] || fail "it is not pending"
    refused xyz.openbmc_project.Common.Error.Unavailable \
        manager WriteKeyword ossay $P/panel VINI SN $(bytes YVIV00001515)
    say "others can be written"
    manager WriteKeyword ossay $P/fan_card VINI SN $(bytes YVIV00001616)
    say "it is back"
    revive "$1"
    $COLLECTION recollect 12-0050
    is_settled() {
        # shellcheck disable=SC2086
        [ "$(busctl call $WRITER1 Pending)" = "a(ss) 0" ]
    }
    wait_until 30 is_settled
    wait_until 30 has_state 12-0050 collected
    for key in 12-0050 spi13.0; do expect_holds $key one; done
    expect ok "$(outcome 12-0050)" "outcome of the reading"
    expect 's "YVIV00001313"' "$(serial $P/panel)" "serial number"
    expect_settled
}
dies 12-0050 1 during
dies spi13.0 2 during
said=$(peer_calls event-log | grep 'Logging.Create' || true)
[ -z "$(grep -v 'VPD of EEPROM 12-0050 were not written' <<< "$said")" ] || fail "other events: $said"
peer_forget event-log
