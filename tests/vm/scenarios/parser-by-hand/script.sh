inventory=xyz.openbmc_project.Inventory.Manager
root=/xyz/openbmc_project/inventory
libexec=/usr/libexec/vivianite
export LC_ALL=C

expect "dbus.service" "$(systemctl show -P Id dbus.service)" "the bus"
settle
expect "active" "$(systemctl is-active inventory-manager.service)" "the inventory"

property() {
    busctl get-property $inventory "$root/system/fru$1" "xyz.openbmc_project.Inventory.$2" "$3"
}
parse() {
    "$libexec/ipz-vpd-parser" --fragments /etc/bed/fragments "$(device "10-$1")"
}
cells() {
    echo "$EEPROMS/10-$1"
}

say "a good part"
expect_status 0 parse 0050
expect 's "YVIV00000101"' "$(property 0050 Decorator.Asset SerialNumber)" "serial number"
expect 'b true' "$(property 0050 Item Present)" "presence"

say "a part of the other family: the sibling takes over"
expect_status 0 parse 0053
expect 'b true' "$(property 0053 Item Present)" "presence of the adapter"

say "only the bytes that are needed are read, and each once"
before=$(cat "$(cells 0050)/bytes")
expect_status 0 parse 0050
read=$(($(cat "$(cells 0050)/bytes") - before))
say "$read bytes of 32768 were on the wire"
[ "$read" -ge 55 ] && [ "$read" -le 2048 ] || fail "$read bytes were read"

say "a blank part"
expect_status 65 parse 0052
expect 'b true' "$(property 0052 Item Present)" "presence of the blank part"
expect 's ""' "$(property 0052 Decorator.Asset SerialNumber)" "serial number of the blank part"

say "a part that dies in mid-read: what it had said before is gone"
expect_status 0 parse 0051
expect 's "YVIV00000101"' "$(property 0051 Decorator.Asset SerialNumber)" "serial number before"
echo 100 > "$(cells 0051)/fail_after"
expect_status 69 parse 0051
expect 0 "$(cat "$(cells 0051)/fail_after")" "bytes that the chip still had to give"
expect 's ""' "$(property 0051 Decorator.Asset SerialNumber)" "serial number after"
echo never > "$(cells 0051)/fail_after"
expect_status 0 parse 0051
expect 's "YVIV00000101"' "$(property 0051 Decorator.Asset SerialNumber)" "serial number once it answers again"

say "a part that is gone"
unplug 10-0051
settle
expect_status 69 parse 0051
expect 'b false' "$(property 0051 Item Present)" "presence of what is gone"

say "nobody to tell"
systemctl stop inventory-manager.service
expect_status 75 parse 0050
