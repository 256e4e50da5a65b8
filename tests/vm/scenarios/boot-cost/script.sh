settle
kept=/var/lib/bed
mkdir -p $kept

# Milliseconds from process 1's start to multi-user.target.
ready_ms() {
    local ready began
    ready=$(systemctl show -P ActiveEnterTimestampMonotonic multi-user.target)
    began=$(systemctl show -P UserspaceTimestampMonotonic)
    echo $(((ready - began) / 1000))
}
ready_ms > "$kept/ready-ms.$BOOT"
systemd-analyze critical-chain --no-pager multi-user.target | tee "$RESULTS/critical-chain"
systemd-analyze blame --no-pager > "$RESULTS/blame"
case $BOOT in
1)
    expect "inactive" "$(systemctl is-active vpd-collection.target || true)" "collection in the boot without it"
    power_off
    ;;
2)
    expect "active" "$(systemctl is-active vpd-collection.target)" "collection"
    power_off
    ;;
esac
say "multi-user.target after $(cat $kept/ready-ms.1) ms without us, $(cat $kept/ready-ms.2) ms with us for the first" \
    "time, $(cat $kept/ready-ms.3) ms with us"
cp $kept/ready-ms.* "$RESULTS"

expect "" "$(systemctl --failed --no-legend --plain)" "failed units"
