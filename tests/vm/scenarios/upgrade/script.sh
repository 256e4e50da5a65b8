. /usr/local/lib/bed/vpd.sh
board=/system/chassis/motherboard

say "ours run, upstream's do not"
expect active "$(systemctl is-active vpd-collection.target)" "vpd-collection.target"
for unit in vpd-manager wait-vpd-parsers system-vpd; do
    expect inactive "$(systemctl is-active $unit.service || true)" "$unit"
done

say "the system EEPROM is blank, and upstream's choice stands in for our own"
expect 'system = "demo"' "$(grep ^system /run/vivianite/vpd/selection.toml)" "chosen system"
expect 'cause = "last-choice"' "$(grep ^cause /run/vivianite/vpd/selection.toml)" "cause"
grep -q "openpower-vpd-parser's choice" /run/vivianite/vpd/selection.toml || fail "the record does not say where the choice is from"

say "what was kept is there, where it was not read anew"
expect 's "UPSTREAM0001"' "$(serial $board/elsewhere)" "serial number of an object that is none of ours"
expect 's "of before"' "$(property $board/elsewhere $PI.Item PrettyName)" "its name"
expect 's "YVIV00000101"' "$(serial $board/fan_card)" "serial number of what was read"
expect 's ""' "$(serial $board/dimm0)" "serial number of what is not there"
journalctl -b -u inventory-manager.service -o cat > "$RESULTS/inventory-manager"
grep -i adopt "$RESULTS/inventory-manager" || fail "the log does not say what was adopted"
[ -e /var/lib/vivianite/inventory/adopted ] || fail "that is not remembered"
expect UPSTREAM0001 "$(grep -o 'UPSTREAM0001' /var/lib/phosphor-inventory-manager/xyz/openbmc_project/inventory$board/dimm0/*Asset)" \
    "what upstream kept"

say "what upstream starts later stops ours, as the README says"
systemctl start wait-vpd-parsers.service
expect inactive "$(systemctl is-active vpd-collection.service || true)" "our collection"
systemctl start vpd-collection.service
expect inactive "$(systemctl is-active wait-vpd-parsers.service || true)" "upstream's"
