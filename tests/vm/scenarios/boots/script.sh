expect "active" "$(systemctl is-active multi-user.target)" "multi-user.target"
expect "" "$(systemctl --failed --no-legend --plain)" "failed units"
expect "dbus-broker.service" "$(systemctl show -P Id dbus.service)" "the bus"
busctl status org.freedesktop.systemd1 > /dev/null
settle

for key in 10-0050 10-0051; do
    expect "at24" "$(udevadm info --query=property --property=DRIVER --value "$(device "$key")")" "driver of $key"
    cmp "$(device "$key")/eeprom" "$(chip "$key")/image" || fail "$key was read back wrong"
done
expect 256 "$(stat -c %s "$(device 10-0050)/eeprom")" "size of a 24c02"
expect 32768 "$(stat -c %s "$(device 10-0051)/eeprom")" "size of a 24c256"

# The counters are the chip's: each byte was on the wire once, at no more than 400 kHz.
bytes=$(cat "$EEPROMS/10-0051/bytes")
[ "$bytes" -ge 32768 ] || fail "only $bytes bytes were on the wire"
busy=$(cat "$EEPROMS/10/busy_us")
[ "$busy" -ge $((32768 * 9 * 1000 / 400)) ] || fail "$busy us are faster than the wire"

# What is written through the driver is in the cells, and a page does not spill into the next.
printf 'Vivianite' | dd of="$(device 10-0051)/eeprom" bs=1 seek=1020 conv=notrunc status=none
expect "Vivianite" "$(dd if="$EEPROMS/10-0051/image" bs=1 skip=1020 count=9 status=none)" "what was written"
say "$(systemd-analyze time | head -n 1)"
