. /usr/local/lib/bed/vpd.sh

say "the machine is ready, and says what is not in order"
expect "active" "$(systemctl is-active vpd-collection.target)" "vpd-collection.target"
expect_status 65 $COLLECTION status > "$RESULTS/status"
cat "$RESULTS/status"
$COLLECTION status --json > "$RESULTS/status.json" || true
# What is wrong with data is no failed unit: an event of the device would start it again and again.
expect "" "$(systemctl --failed --no-legend --plain)" "failed units"

# all KEY OBJECT STATE OUTCOME SERIAL PRESENT
all() {
    expect "$3 $4" "$(awk -v key="$1" '$1 == key {print $2, $3}' "$RESULTS/status")" "state and outcome of $2"
    expect "s \"$5\"" "$(serial "/system/$2")" "serial number of $2"
    expect "b $6" "$(present "/system/$2")" "presence of $2"
}
all 10-0050 planar collected ok YVIV00000001 true
all 10-0051 empty absent - "" false
all 10-0052 silent collected unreadable "" true
all 10-0053 blank collected blank "" true
all 10-0054 one_bit collected recovered YVIV00000101 true
all 11-0050 bad_record collected bad YVIV00000001 true
all 11-0051 pinned collected bad "" true
all 11-0052 unpinned collected ok YVIV00000201 true
all 11-0053 bad_vini collected bad "" true
all 11-0054 bad_header collected bad "" true

say "a bad record costs its neighbours nothing"
expect 'ay 7 55 86 73 86 48 48 49' "$(property /system/bad_record com.ibm.ipzvpd.VSYS SE)" "a good record beside a bad one"
expect 'ay 0' "$(property /system/bad_record com.ibm.ipzvpd.VCEN SE)" "the bad record"
grep -q 'record VCEN bad' "$RESULTS/status" || fail "the bad record is not named"
grep -q '1 bit put right' "$RESULTS/status" || fail "the corrected bit is not told"
expect 4 "$(runs 10-0052)" "runs of the silent chip"

say "a chip that is silent no more is read when somebody asks"
echo never > $EEPROMS/10-0052/fail_after
$COLLECTION recollect 10-0052
wait_until 30 has_outcome 10-0052 ok
wait_until 30 has_state 10-0052 collected
expect 's "YVIV00000101"' "$(serial /system/silent)" "serial number of the chip that was silent"

say "a chip that is put in by binding is read without being asked"
echo Y > $EEPROMS/10-0051/present
echo 10-0051 > /sys/bus/i2c/drivers/at24/bind
wait_until 30 has_state 10-0051 collected
expect 's "YVIV00000101"' "$(serial /system/empty)" "serial number of what was put in"

say "what was good and then is bad shows nothing of before"
overwrite 10-0054 140 '\000\000\000\000\000\000\000'
$COLLECTION recollect 10-0054
wait_until 30 has_outcome 10-0054 bad
wait_until 30 has_state 10-0054 collected
expect 's ""' "$(serial /system/one_bit)" "serial number of what went bad"
expect "" "$(systemctl --failed --no-legend --plain)" "failed units"
