I2C_DRIVERS=/sys/bus/i2c/drivers

# driver KEY: the name of the driver that has the client, or nothing.
driver() {
    basename "$(readlink "$(device "$1")/driver")" 2> /dev/null || true
}

# shows KEY: an EEPROM's cells are what the driver reads.
shows() {
    expect "$(sha256sum < "$(chip "$1")/image")" "$(sha256sum < "$(device "$1")/eeprom")" "what the driver reads of $1"
}

settle
say "what answers when its client is made has a driver, and nothing else has"
for key in 8-0050 4-0070 spi12.0 spi13.0 spi33.0; do
    [ -n "$(driver "$key")" ] || fail "$key has no driver"
done
for key in 20-0050 20-0060 7-0051 9-0050 9-0051 spi22.0; do
    [ -e "$(device "$key")" ] || fail "$key has no client"
    expect "" "$(driver "$key")" "driver of $key"
done
[ ! -e "$(device 417-0050)" ] || fail "417-0050 has a client that nobody made"
shows 8-0050
shows spi12.0
shows spi13.0
[ "$(cat "$(chip spi12.0)/transfers")" -gt 1 ] || fail "nothing went over the SPI bus"

say "what the world pulls at first"
expect "N Y Y" "$(cat $GPIO/slot0-power/pull $GPIO/slot0-present-n/pull $GPIO/panel-power-n/pull | xargs)" "the lines' pulls"

say "a slot's chips can be bound once its line gives them power"
expect "slot0-power 1" "$(cat "$(chip 20-0050)/powered_by")" "what the card has its power from"
expect_status 1 bash -c 'echo 20-0050 > /sys/bus/i2c/drivers/at24/bind'
gpioset gpiochip0 0=1
echo 20-0050 > $I2C_DRIVERS/at24/bind
echo 20-0060 > $I2C_DRIVERS/leds-pca955x/bind
shows 20-0050
shows spi33.0
expect "leds-pca955x" "$(driver 20-0060)" "driver of the LED expander"
echo 20-0060 > $I2C_DRIVERS/leds-pca955x/unbind
gpioset gpiochip0 0=0
expect "" "$(head -c 16 "$(device spi33.0)/eeprom" | tr -d '\377')" "what an SPI EEPROM without power says"
expect_status 1 bash -c 'cat /sys/bus/i2c/devices/20-0050/eeprom > /dev/null'
expect_status 1 bash -c 'echo 20-0060 > /sys/bus/i2c/drivers/leds-pca955x/bind'
gpioset gpiochip0 2=0
echo 7-0051 > $I2C_DRIVERS/at24/bind
shows 7-0051

say "a client without a driver is bound, one of nothing is not, and one that is not there is made"
echo 9-0050 > $I2C_DRIVERS/at24/bind
shows 9-0050
expect_status 1 bash -c 'echo 9-0051 > /sys/bus/i2c/drivers/at24/bind'
echo 24c32 0x50 > /sys/bus/i2c/devices/i2c-417/new_device
shows 417-0050

say "an attribute of a multiplexer keeps what is written"
expect -1 "$(cat $I2C_DRIVERS/pca954x/4-0070/hold_idle)" "the attribute before anybody wrote it"
echo 0 > $I2C_DRIVERS/pca954x/4-0070/hold_idle
expect 0 "$(cat $I2C_DRIVERS/pca954x/4-0070/hold_idle)" "the attribute"

say "what is written to an SPI EEPROM is in its cells, above 64 KiB too"
for key in spi12.0:196608 spi13.0:60000; do
    printf 'a text that spans pages: %0300d' 7 > /run/text
    dd if=/run/text of="$(device "${key%:*}")/eeprom" bs=1024 seek="${key#*:}" oflag=seek_bytes conv=notrunc status=none
    dd if="$(chip "${key%:*}")/image" bs=1 skip="${key#*:}" count=325 status=none | cmp - /run/text
    shows "${key%:*}"
done
echo 100 > "$(chip spi12.0)/fail_after"
dd if="$(device spi12.0)/eeprom" bs=200 count=1 status=none | tail -c 100 | tr -d '\377' > /run/silent
expect 0 "$(wc -c < /run/silent)" "bytes of an SPI EEPROM that has fallen silent"
echo never > "$(chip spi12.0)/fail_after"

say "a chip that is added later has a bus of its own number"
add_chip 300-0050 4096
plug 300-0050 24c32
shows 300-0050
expect_status 1 bash -c 'echo "300 50 4096 0" > /sys/kernel/debug/i2c_eeprom_sim/add'
unplug spi13.0
[ ! -e "$(device spi13.0)" ] || fail "spi13.0 is still there"
plug spi13.0 at25
shows spi13.0
