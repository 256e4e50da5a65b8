. /usr/local/lib/bed/vpd.sh
board=/system/chassis/motherboard

say "the machine is recognised by a file"
expect 'system = "file-board"' "$(grep ^system /run/vivianite/vpd/selection.toml)" "chosen system"
expect 'cause = "matched"' "$(grep ^cause /run/vivianite/vpd/selection.toml)" "cause"

say "its files are collected and located"
expect_status 0 $COLLECTION status
expect 's "YVIV00000001"' "$(serial $board)" "serial number of the board"
expect 's "YVIV00000201"' "$(serial $board/backplane)" "serial number of the backplane"
expect 't 33554432' "$(property $board/dimm0 $PI.Item.Dimm MemorySizeInKB)" "size of the memory module"
expect 's "U77VV.N00.VIV000T-P0-C0"' "$(property $board/dimm0 $PI.Decorator.LocationCode LocationCode)" "its location"

say "a file that is replaced is read when somebody asks"
sed 's/YVIV00000201/YVIV00000209/' /etc/bed/board/backplane.toml > /run/backplane.toml
vpd-tool build /run/backplane.toml --output /srv/vpd/backplane.bin
$COLLECTION recollect file:backplane
serial_is() {
    [ "$(serial $board/backplane)" = "s \"$1\"" ]
}
wait_until 30 serial_is YVIV00000209
expect "" "$(systemctl --failed --no-legend --plain)" "failed units"
