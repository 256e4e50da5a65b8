# Generated rules look at DRIVER and at the attribute `eeprom`, and at no ACTION; this is what that rests on.
key=10-0051
events=/run/bed/events

# A monitor that does not write to a terminal would keep events to itself until it has many.
stdbuf -oL udevadm monitor --udev --subsystem-match=i2c --subsystem-match=nvmem > "$events" &
monitor=$!
wait_until 30 grep -q '^UDEV - the event' "$events"

# Events of this key since the last look, as "action/subsystem", in order.
seen=0
news() {
    sed -n 's/^UDEV  *\[[0-9.]*\] \([a-z]*\)  *\([^ ]*\) (\([a-z0-9]*\))$/\1 \3 \2/p' "$events" | grep "$key" | tail -n +$((seen + 1))
}
brief() {
    news | while read -r action subsystem _; do echo -n "$action/$subsystem "; done
}
has_news() {
    [ "$(news | wc -l)" -ge "$1" ]
}
expect_events() {
    local what=$1 count
    shift
    count=$#
    [ "$count" -eq 0 ] || wait_until 30 has_news "$count"
    udevadm settle
    expect "$*" "$(brief | sed 's/ $//')" "events of $what"
    seen=$((seen + count))
}
holds_eeprom() {
    [ -e "$(device $key)/eeprom" ]
}

plug $key 24c256
expect_events "plugging" add/i2c add/nvmem bind/i2c
holds_eeprom || fail "no eeprom after bind"

echo $key > /sys/bus/i2c/drivers/at24/unbind
expect_events "unbinding" remove/nvmem unbind/i2c
! holds_eeprom || fail "there is an eeprom without a driver"

echo $key > /sys/bus/i2c/drivers/at24/bind
expect_events "binding again" add/nvmem bind/i2c
cmp "$(device $key)/eeprom" "$(chip "$key")/image" || fail "the chip was read back wrong"

unplug $key
expect_events "unplugging" remove/nvmem unbind/i2c remove/i2c

say "an absent chip has a client, but no driver, no attribute and no bind"
echo N > "$EEPROMS/$key/present"
plug $key 24c256
expect_events "plugging an absent chip" add/i2c
[ ! -e "$(device $key)/driver" ] || fail "an absent chip has a driver"
expect_status 1 holds_eeprom

echo Y > "$EEPROMS/$key/present"
echo $key > /sys/bus/i2c/drivers/at24/bind
expect_events "the chip's appearance" add/nvmem bind/i2c

say "the coldplug trigger adds, and binds nothing"
udevadm trigger --action=add --subsystem-match=i2c --sysname-match=$key
expect_events "a trigger" add/i2c

kill $monitor
expect "" "$(systemctl --failed --no-legend --plain)" "failed units"
