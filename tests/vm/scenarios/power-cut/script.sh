# A power cut is the end of QEMU: what the guest had handed to the disk survives, what it held back is lost.
expect "ext4" "$(findmnt -no FSTYPE /var)" "file system of /var"
eeprom=$(device 10-0050)/eeprom

case $BOOT in
1)
    [ ! -e /var/lib/bed ] || fail "the disk is not fresh"
    mkdir -p /var/lib/bed
    echo "synced" > /var/lib/bed/synced
    sync /var/lib/bed/synced /var/lib/bed
    # Never synced: the kernel holds it back for longer than this machine will live.
    echo "held back" > /var/lib/bed/held-back
    cut_power
    ;;
2)
    expect "synced" "$(cat /var/lib/bed/synced)" "the file that was synced"
    expect "" "$(cat /var/lib/bed/held-back 2> /dev/null || true)" "the file that was not"
    echo "in order" > /var/lib/bed/in-order
    printf 'kept' | dd of="$eeprom" bs=1 seek=30000 conv=notrunc status=none
    power_off
    ;;
3)
    expect "in order" "$(cat /var/lib/bed/in-order)" "the file before the orderly end"
    # Another part was put in while the power was off: nothing of the first is left.
    cmp "$eeprom" "$(chip 10-0050)/image" || fail "the swapped part was read back wrong"
    expect 82 "$(head -c 1 "$eeprom" | od -An -tx1 | tr -d " ")" "the first byte of the other part"
    expect 0 "$(grep -c kept "$eeprom" || true)" "traces of the first part"
    ;;
esac
