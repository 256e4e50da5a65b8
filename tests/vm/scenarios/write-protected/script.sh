. /usr/local/lib/bed/vpd.sh
. /usr/local/lib/bed/writes.sh
mkdir -p "$KEPT"
P=/system/chassis/motherboard
FAILED=xyz.openbmc_project.Common.Device.Error.WriteFailure
peer_forget event-log
for key in 12-0050 spi13.0; do keep $key before; done
shown > "$RESULTS/before"

# protected KEY MODE: of the panel, one EEPROM is.
protected() {
    say "$1 $2s what is written"
    write_protect "$1" "$2"
    refused $FAILED manager WriteKeyword ossay $P/panel VINI SN $(bytes YVIV00001212)
    write_protect "$1" off
    for key in 12-0050 spi13.0; do expect_holds $key before; done
    expect_settled
}
protected 12-0050 refuse
protected 12-0050 ignore
protected spi13.0 refuse
protected spi13.0 ignore
expect_only_changed "$RESULTS/before" /none
said=$(events)
expect 4 "$(grep -c '^Warning: VPD of EEPROM 12-0050 were not written' <<< "$said")" "events of failed writes"
expect 4 "$(peer_calls event-log | grep -c 'Logging.Create')" "all events"

say "without protection it is written"
manager WriteKeyword ossay $P/panel VINI SN $(bytes YVIV00001212)
expect 's "YVIV00001212"' "$(serial $P/panel)" "serial number"
peer_forget event-log
