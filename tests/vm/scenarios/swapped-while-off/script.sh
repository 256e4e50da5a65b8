. /usr/local/lib/bed/vpd.sh
export LC_ALL=C

# shows OBJECT SERIAL PRESENT: what everybody looks at first.
shows() {
    expect "s \"$2\"" "$(serial "/system/$1")" "serial number of $1"
    expect "b $3" "$(present "/system/$1")" "presence of $1"
}
size() {
    property "/system/$1" $PI.Item.Dimm MemorySizeInKB
}
se() {
    property "/system/$1" com.ibm.ipzvpd.VSYS SE
}
old_se='ay 7 55 86 73 86 48 48 49'

shown > "$RESULTS/shown"
expect "active" "$(systemctl is-active vpd-collection.target)" "vpd-collection.target"
expect "" "$(systemctl --failed --no-legend --plain)" "failed units"
$COLLECTION status > "$RESULTS/status" || true
cat "$RESULTS/status"
case $BOOT in
1)
    # What will be gone.
    for object in planar fewer taken_out other_format variant variant/old variant_taken_out variant_taken_out/part; do
        shows $object YVIV00000001 true
        expect "$old_se" "$(se $object)" "a record of $object"
    done
    shows fewer/part 7VIV001 true
    shows put_in "" false
    shows blank YVIV00000101 true
    for object in memory_blank memory_taken_out no_memory_any_more; do
        expect 't 33554432' "$(size $object)" "size of $object"
    done
    expect "" "$(present /system/variant/new)" "an object of another variant"
    power_off
    ;;
2)
    cat /run/early
    expect_status 65 $COLLECTION status > "$RESULTS/status"
    say "the parts that are there"
    shows planar YVIV00000001 true
    shows fewer YVIV00000101 true
    shows put_in YVIV00000101 true
    shows other_format YVIV00000201 true
    shows variant YVIV00000101 true
    shows variant/new YVIV00000101 true
    shows no_memory_any_more YVIV00000101 true
    shows blank "" true
    shows memory_blank "" true
    say "those that are not"
    shows fewer/part "" true
    shows taken_out "" false
    shows variant/old "" false
    shows variant_taken_out "" false
    shows variant_taken_out/part "" false
    shows memory_taken_out "" false
    # Each of these was there, and came back from the disk.
    for object in fewer fewer/part taken_out other_format variant variant/old variant_taken_out variant_taken_out/part; do
        expect 'ay 0' "$(se $object)" "a record that only the old part of $object had"
    done
    for object in memory_blank memory_taken_out no_memory_any_more; do
        expect 't 0' "$(size $object)" "size of $object"
    done
    say "and nothing else of the old ones"
    collect_afresh
    shown > "$RESULTS/afresh"
    expect_no_past "$RESULTS/shown" "$RESULTS/afresh"
    ;;
esac
