. /usr/local/lib/bed/vpd.sh
# How many events are noted as delivered: the texts that are no keys.
noted() {
    sed -n 's/"[^"]*" =//g; s/^delivered = //p' /var/lib/vivianite/vpd-collection/events | grep -o '"[^"]*"' | wc -l
}
one_more() {
    [ "$(noted)" = $((before + 1)) ]
}

say "every daemon is stopped before the bus"
for unit in vpd-collection location-code-updater inventory-manager image-manager; do
    [[ " $(systemctl show -P After $unit) " == *" dbus.service "* ]] ||
        fail "$unit is not ordered after the bus"
done

say "an event is sent, counts as delivered from then on, and is not answered"
settle
before=$(noted)
peer event-log hanging
peer_forget event-log
overwrite 10-0050 389 '\000\000\000\000\000\000\000'
$COLLECTION recollect 10-0050
wait_until 30 has_outcome 10-0050 bad
wait_until 30 one_more
expect_call event-log Logging.Create.Create
echo "$before" > /run/bed/noted
power_off_judged /etc/bed/after-power-off.sh
