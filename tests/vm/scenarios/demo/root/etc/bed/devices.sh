. /usr/local/lib/bed/vpd.sh
# damage KEY OFFSET TEXT: cells of any chip.
damage() {
    printf "$3" | dd of="$(chip "$1")/image" bs=1 seek="$2" conv=notrunc status=none
}
# The processors' data lie at 0x30000 of a chip that holds other things too.
window=$((0x30000))
for key in spi12.0 spi13.0 spi22.0 spi23.0; do
    head -c 1024 "$(chip $key)/image" > /run/processor
    dd if=/run/processor of="$(chip $key)/image" bs=1 seek=$window conv=notrunc status=none
    damage $key 0 'something else'
done
# The first copy of one is beyond repair, those of the other are not of the same module.
damage spi12.0 $((window + 17)) 'XXXX'
cat "$(chip 10-0051)/image" > /run/card
dd if=/run/card of="$(chip spi23.0)/image" bs=1 seek=$window conv=notrunc status=none
# One bit of a serial number is wrong; a record is ruined; a header needs correction; a chip falls silent; a line fails.
damage 10-0051 140 'X'
damage 12-0051 389 '\0\0\0\0\0\0\0'
damage 12-0053 17 'W'
echo 60 > "$(chip 12-0052)/fail_after"
echo error > $GPIO/SLOT2_POWER/fault
