. /usr/local/lib/bed/vpd.sh
board=/system/chassis/motherboard
location() {
    property "$1" $PI.Decorator.LocationCode LocationCode
}

expect active "$(systemctl is-active vpd-collection.target)" "vpd-collection.target"
case $BOOT in
1)
    expect 'system = "one"' "$(grep ^system /run/vivianite/vpd/selection.toml)" "chosen system"
    expect 's "YVIV00000101"' "$(serial $board/fan_card)" "serial number of its card"
    expect 's "U77VV.N00.VIV000T-P0-C1"' "$(location $board/fan_card)" "location of its card"
    expect "" "$(present $board/riser)" "a part of the other system"
    expect 0 "$(cat $GPIO/CARD_POWER/level)" "power of a slot that only the other system has"
    [ ! -e /sys/bus/i2c/drivers/at24/10-0052 ] || fail "the other system's slot was bound"
    # A service engineer puts in the other system's planar.
    vpd-tool build /etc/bed/planar-of-two.toml --output /run/planar.bin
    cat /run/planar.bin > "$EEPROMS/10-0050/image"
    power_off
    ;;
2)
    expect 'system = "two"' "$(grep ^system /run/vivianite/vpd/selection.toml)" "chosen system"
    expect 's "YVIV00000101"' "$(serial $board/riser)" "serial number at the same address"
    expect 's "U77VV.ND0.VIV000T-P0-C7"' "$(location $board/riser)" "its location, in this system's style"
    expect 1 "$(cat $GPIO/CARD_POWER/level)" "power of its slot"
    expect 'b true' "$(present $board/riser/card)" "presence of what is in the slot"
    say "nothing of the first system is left"
    expect 'b false' "$(present $board/fan_card)" "presence of the other system's card"
    expect 's ""' "$(serial $board/fan_card)" "its serial number"
    expect_status 0 $COLLECTION status
    ;;
esac
