. /usr/local/lib/bed/vpd.sh

late() {
    [ -e /run/bed-delayed-until ]
}
wait_until 30 late
say "boot $BOOT: somebody was late until $(cat /run/bed-delayed-until)"
expect "active" "$(systemctl is-active vpd-collection.target)" "vpd-collection.target"
$COLLECTION status
expect 8 "$($COLLECTION status | grep -c ' collected ')" "EEPROMs collected"
$COLLECTION status --json | grep -q '"complete":true' || fail "not all was collected in time"
ready=$(entered vpd-collection.service)
say "ready at $ready us, multi-user at $(entered multi-user.target) us"
[ "$ready" -le "$(entered multi-user.target)" ] || fail "the machine was ready too early"
for unit in $($COLLECTION status | awk '/ collected / {print $NF}'); do
    [ "$(entered "$unit")" -gt 0 ] && [ "$(entered "$unit")" -le "$ready" ] || fail "$unit came after all was collected"
done
expect "" "$(systemctl --failed --no-legend --plain)" "failed units"
