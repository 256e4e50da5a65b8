. /usr/local/lib/bed/vpd.sh
. /usr/local/lib/bed/writes.sh
mkdir -p "$KEPT"
P=/system/chassis/motherboard
for key in 12-0050 spi13.0; do keep $key before; done
systemctl stop vpd-writer.service
mount -t tmpfs -o size=512k,mode=0700 tmpfs $WRITER_STATE
systemctl start vpd-writer.service
dd if=/dev/zero of=$WRITER_STATE/filler bs=4k status=none 2> /dev/null || true
say "the disk is full"
before=$(cycles)
refused xyz.openbmc_project.Common.File.Error.Write manager WriteKeyword ossay $P/panel VINI SN $(bytes YVIV00001717)
expect "$before" "$(cycles)" "write cycles"
for key in 12-0050 spi13.0; do expect_holds $key before; done
expect_settled
say "there is room again"
rm $WRITER_STATE/filler
manager WriteKeyword ossay $P/panel VINI SN $(bytes YVIV00001717)
expect 's "YVIV00001717"' "$(serial $P/panel)" "serial number"
systemctl stop vpd-writer.service
umount $WRITER_STATE
systemctl start vpd-writer.service
expect_no_events
expect "" "$(systemctl --failed --no-legend --plain)" "failed units"
