. /usr/local/lib/bed/vpd.sh
. /usr/local/lib/bed/writes.sh
export LC_ALL=C
mkdir -p "$KEPT"

# on_chip RECORD KEYWORD TEXT: in the cells of the third board alone; no backup follows.
on_chip() {
    manager WriteKeywordOnHardware sv /system/third '(ssay)' "$1" "$2" $(bytes "$3") > /dev/null
}
# when UNIT PROPERTY: microseconds since boot.
when() {
    systemctl show -P "$2Monotonic" "$1"
}
# told OBJECT TEXT: how often the inventory was told something of an object. told_anyone TEXT: what was said of any, by anybody.
told() {
    grep '"member":"Notify"' /run/published | grep -F "\"$1\":{" | grep -cF "$2" || true
}
told_anyone() {
    grep -cF "$1" /run/published || true
}

settle
expect "yes 0" "$(systemctl show -P ConditionResult vpd-restore.service) $(systemctl show -P ExecMainStatus vpd-restore.service)" \
    "condition and status of vpd-restore.service"
expect "" "$(systemctl --failed --no-legend --plain)" "failed units"
case $BOOT in
1)
    say "what one EEPROM has and the other was never given is in both; each is backed up"
    expect 's "9999-VV1"' "$(property /system $PI.Decorator.Asset Model)" "type of the machine"
    expect 'ay 8 57 57 57 57 45 86 86 49' "$(property /system/keeper com.ibm.ipzvpd.VCEN TM)" "type in the other EEPROM"
    expect "10-0050 12-0050" "$(ls $WRITER_STATE/backup | paste -sd ' ')" "backups in the writer's state"
    for key in 11-0051 12-0051; do keep $key always; done
    say "spare boards: with the machine's identity, of another machine, never programmed"
    keep 12-0050 first
    on_chip VINI SN YVIV00000777
    keep 12-0050 wanted
    on_chip VSYS SE 7VIV999
    keep 12-0050 another
    on_chip VSYS SE '       '
    on_chip VSYS TM '        '
    on_chip VCEN SE '       '
    keep 12-0050 unset
    cat "$KEPT/12-0050.unset" > "$(chip 24-0050)/image"
    cat "$KEPT/12-0050.another" > "$(chip 25-0050)/image"
    cat "$KEPT/12-0050.first" > "$(chip 12-0050)/image"
    for key in 10-0050 11-0050; do cp "$KEPT/12-0050.wanted" "$KEPT/$key.wanted"; done
    expect_settled
    expect_no_events
    power_off
    ;;
esac

say "restored after the system is chosen, and before anything is read"
chosen=$(when vpd-select.service ExecMainExitTimestamp)
began=$(when vpd-restore.service ExecMainStartTimestamp)
ended=$(when vpd-restore.service ExecMainExitTimestamp)
[ "$chosen" -gt 0 ] || fail "no system was chosen"
[ "$chosen" -le "$began" ] || fail "a system was chosen until $chosen, and the restoration began at $began"
for key in 10-0050 11-0050 11-0051 12-0050 12-0051; do
    unit="ipz-vpd-parser@${key/-/\\x2d}.service"
    read_from=$(when "$unit" ExecMainStartTimestamp)
    [ "$read_from" -ge "$ended" ] || fail "$unit began at $read_from, and the restoration ended at $ended"
done
# Both write to the same folder.
writer_from=$(when vpd-writer.service ExecMainStartTimestamp)
[ "$writer_from" -eq 0 ] || [ "$writer_from" -ge "$ended" ] \
    || fail "vpd-writer began at $writer_from, and the restoration ended at $ended"
journalctl -b -o cat -u vpd-restore.service --no-pager > "$RESULTS/restored"
for key in 10-0050 11-0050; do
    expect 1 "$(grep -c "EEPROM and backup differed, and say the same now.*fru=$key" "$RESULTS/restored")" "log about $key"
done
expect 1 "$(grep -c 'VSYS.SE is set differently.*fru=12-0050' "$RESULTS/restored")" "log about 12-0050"

say "the boards have the machine's identity, and nothing else has changed"
for key in 10-0050 11-0050; do expect_holds $key wanted; done
expect_holds 12-0050 another
for key in 11-0051 12-0051; do expect_holds $key always; done
for key in 11-0051 12-0050 12-0051; do expect 0 "$(cycles $key)" "write cycles of $key"; done

say "the inventory shows it, and was never told anything else"
expect 's "7VIV001" s "9999-VV1"' "$(property /system $PI.Decorator.Asset SerialNumber) $(property /system $PI.Decorator.Asset Model)" \
    "identity of the machine"
identity='ay 7 55 86 73 86 48 48 49 ay 8 57 57 57 57 45 86 86 49 ay 7 86 73 86 48 48 48 84'
for object in planar board; do
    expect 's "YVIV00000777"' "$(serial /system/$object)" "serial number of $object itself"
    expect "$identity" "$(property /system/$object com.ibm.ipzvpd.VSYS SE) $(property /system/$object com.ibm.ipzvpd.VSYS TM) $(
        property /system/$object com.ibm.ipzvpd.VCEN SE)" "identity in $object"
done
cp /run/published "$RESULTS/published"
for object in planar board; do
    expect 1 "$(told /system/$object '"SE":{"type":"ay","data":[55,86,73,86,48,48,49]}')" "publications of $object with the identity"
    expect 1 "$(told /system/$object '')" "publications of $object"
done
expect 1 "$(told /system '"Model":{"type":"s","data":"9999-VV1"}')" "publications of the machine with its type"
expect 0 "$(told_anyone '"SE":{"type":"ay","data":[32,')" "messages with a serial number that was never set"
expect 0 "$(told_anyone '"Model":{"type":"s","data":""}')" "messages with no type of a machine"

say "of another machine's board the EEPROM counts, and it is told once"
expect 'ay 7 55 86 73 86 57 57 57' "$(property /system/third com.ibm.ipzvpd.VSYS SE)" "serial number in the third board"
has_event() { [ -n "$(events)" ]; }
wait_until 30 has_event
systemctl restart vpd-writer.service
$COLLECTION recollect 12-0050
wait_until 30 has_state 12-0050 collected
said=$(peer_calls event-log | grep 'Logging.Create')
[[ $said == *'Error.Mismatch'*'VSYS.SE of EEPROM 12-0050 is '*7VIV999*'in the EEPROM, which is shown, and '*7VIV001*'in its backup'* ]] ||
    fail "the event log was told this: $said"
expect 1 "$(wc -l <<< "$said")" "events"
expect_holds 12-0050 another
expect_settled
