# The processors' data lie at 0x30000.
for key in spi12.0 spi13.0 spi22.0 spi23.0; do
    head -c 1024 "$(chip $key)/image" > /run/processor
    dd if=/run/processor of="$(chip $key)/image" bs=1 seek=$((0x30000)) conv=notrunc status=none
done
echo error > $GPIO/SLOT2_POWER/fault
