# Takes down what the machine shows; whether that is right is judged outside of it.
. /usr/local/lib/bed/vpd.sh

say "what became of the EEPROMs"
wait_until 240 systemctl is-active --quiet vpd-collection.target
settle
$COLLECTION status > "$RESULTS/status" || true
cat "$RESULTS/status"
$COLLECTION status --json > "$RESULTS/status.json" || true
busctl --json=short call $INVENTORY $INVENTORY_ROOT org.freedesktop.DBus.ObjectManager GetManagedObjects \
    > "$RESULTS/objects.json"
peer_calls event-log > "$RESULTS/events"

# A name and what belongs to it, a line each.
for line in "$GPIO"/*/; do
    echo "$(basename "$line") $(cat "$line/level")"
done > "$RESULTS/lines"
for device in /sys/bus/i2c/devices/*-* /sys/bus/spi/devices/*; do
    [ ! -e "$device" ] || echo "$(basename "$device") $(basename "$(readlink "$device/driver" || true)")"
done > "$RESULTS/drivers"
for attribute in /sys/bus/i2c/drivers/pca954x/*-*/hold_idle; do
    [ ! -e "$attribute" ] || echo "$attribute $(cat "$attribute")"
done > "$RESULTS/attributes"

expect "" "$(systemctl --failed --no-legend --plain)" "failed units"
