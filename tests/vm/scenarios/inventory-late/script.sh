. /usr/local/lib/bed/vpd.sh
board=/system/chassis/motherboard
elapsed() {
    read -r uptime _ < /proc/uptime
    say "boot $BOOT: $($COLLECTION status | head -n 1)"
}
all_collected() {
    expect_status 0 $COLLECTION status
    expect 8 "$($COLLECTION status | grep -c ' collected ')" "EEPROMs collected"
    expect 's "YVIV00000001"' "$(serial $board)" "serial number of the planar"
    expect 's "YVIV00000101"' "$(serial $board/fan_card)" "serial number of the card"
    expect 'b true' "$(present $board/dimm3)" "presence of a memory module"
    expect "" "$(systemctl --failed --no-legend --plain)" "failed units"
}
elapsed
case $BOOT in
1 | 2)
    all_collected
    # The machine waited: it did not call itself ready with nothing collected.
    [ "$(entered vpd-collection.service)" -ge "$(entered inventory-manager.service)" ] || fail "ready before the inventory"
    power_off
    ;;
3)
    wait_until 60 [ "$(systemctl show -P SubState trouble)" = dead ]
    [ "$(systemctl show -P NRestarts inventory-manager)" -ge 3 ] || fail "the inventory was not killed"
    all_collected
    ;;
4)
    expect "active" "$(systemctl is-active vpd-collection.target)" "vpd-collection.target without an inventory"
    expect_status 75 $COLLECTION status
    expect 8 "$($COLLECTION status | grep -c ' overdue ' || true)" "EEPROMs that wait"
    say "and when it comes at last"
    rm /etc/systemd/system/inventory-manager.service.d/boot.conf
    systemctl daemon-reload
    systemctl start inventory-manager
    collected() {
        [ "$($COLLECTION status | grep -c ' collected ' || true)" = 8 ]
    }
    wait_until 60 collected
    settle
    all_collected
    ;;
esac
