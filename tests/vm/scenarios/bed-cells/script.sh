export LC_ALL=C
notes=$(chip 20-0057)/image

# fill KEY: all cells are "o", the old contents, without traffic.
fill() {
    tr '\0-\377' o < "$(chip "$1")/image" > /run/fill
    cat /run/fill > "$(chip "$1")/image"
}

# write KEY OFFSET BYTES: "n", the new contents, by the driver.
write() {
    head -c "$3" /dev/zero | tr '\0' n |
        dd of="$(device "$1")/eeprom" bs="$3" seek="$2" oflag=seek_bytes iflag=fullblock conv=notrunc status=none
}

# kinds KEY OFFSET BYTES: which bytes are in the cells: n, o, F for 0xff, ? for others.
kinds() {
    dd if="$(chip "$1")/image" bs="$3" skip="$2" iflag=skip_bytes count=1 status=none |
        tr '\377' F | tr -c 'noF' '?' | fold -w 1 | sort -u | tr -d '\n'
}
expect_pages() {
    local key=$1 page=$2 offset=$3 kind number=0
    shift 3
    for kind in "$@"; do
        expect "$kind" "$(kinds "$key" $((offset + number * page)) "$page")" "page $number of $key after $offset"
        number=$((number + 1))
    done
}

# counted KEY CYCLES BYTES COMMAND...: what a command costs; its status is the command's.
counted() {
    local key=$1 cycles=$2 bytes=$3 before before_bytes status=0
    shift 3
    before=$(cycles "$key")
    before_bytes=$(cycle_bytes "$key")
    "$@" || status=$?
    expect "$cycles $bytes" "$(($(cycles "$key") - before)) $(($(cycle_bytes "$key") - before_bytes))" "cycles and bytes of $*"
    return $status
}

# cut_write KEY PAGE PHASE SEED: in the second of two pages, of which half is written; what comes of it is judged after the
# next boot.
cut_write() {
    printf '%s %s %s %s\n' "$@" > "$notes"
    fill "$1"
    say "cut in the second of two pages of $*"
    cut_in_cycle 2 "$3" "$4"
    write "$1" 1024 $(($2 + $2 / 2))
    fail "the power is still there"
}

if [ "$BOOT" != 1 ]; then
    read -r key page phase seed < "$notes"
    say "after a cut: $key $page $phase $seed"
    case "$phase $seed" in
    "during 0") middle='?Fno' ;;
    # What was not to change is gone, too.
    "during 3") middle=F ;;
    before*) middle=o ;;
    after*) middle=no ;;
    esac
    expect_pages "$key" "$page" $((1024 - page)) o n "$middle" o o
fi

case $BOOT in
1)
    settle
    for key in 20-0050 20-0051 30-0050 31-0050 spi12.0; do
        fill "$key"
    done

    say "write cycles are of pages as the driver knows them, of single bytes if it does not"
    before=$(cycles)
    counted 20-0050 3 68 write 20-0050 40 68
    expect "20-0050 40 24,20-0050 64 32,20-0050 96 12," \
        "$(cycle_log | tail -n +$((before + 1)) | cut -d ' ' -f 2- | tr '\n' ,)" "the log of cycles"
    counted spi12.0 2 200 write spi12.0 56 200
    echo 24c64 0x51 > /sys/bus/i2c/devices/i2c-20/new_device
    counted 20-0051 5 5 write 20-0051 30 5
    expect $((before + 10)) "$(cycles)" "cycles of all"
    expect_pages 20-0050 32 0 o no n no o
    expect_pages 20-0051 32 0 no no o
    expect_pages spi12.0 128 0 no n o
    [ "$(cat "$(chip spi12.0)/busy_us")" -ge 10000 ] || fail "the cycles of an SPI EEPROM were too short"

    say "in a write cycle a chip does not answer"
    echo 1000000 > "$(chip 20-0050)/twr_us"
    write 20-0050 512 1
    expect_status 1 bash -c 'head -c 1 /sys/bus/i2c/devices/20-0050/eeprom > /dev/null 2>&1'
    expect_pages 20-0050 32 512 no
    expect o "$(head -c 1 "$(device 20-0050)/eeprom")" "the first byte after the cycle"
    echo 5000 > "$(chip 20-0050)/twr_us"

    say "protection refuses or forgets"
    write_protect 20-0050 refuse
    write_protect spi12.0 refuse
    expect_status 1 counted 20-0050 0 0 write 20-0050 512 64
    counted spi12.0 0 0 write spi12.0 512 64
    write_protect 20-0050 ignore
    write_protect spi12.0 ignore
    counted 20-0050 0 0 write 20-0050 544 64
    counted spi12.0 0 0 write spi12.0 512 64
    expect_pages 20-0050 32 544 o o
    expect_pages spi12.0 64 512 o
    write_protect 20-0050 off
    write_protect spi12.0 off
    counted 20-0050 2 64 write 20-0050 544 64
    counted spi12.0 1 64 write spi12.0 512 64

    say "a chip falls silent in a write cycle, or between two bytes"
    fail_in_cycle 20-0050 2 during
    expect_status 1 write 20-0050 2048 96
    expect_status 1 bash -c 'head -c 1 /sys/bus/i2c/devices/20-0050/eeprom > /dev/null 2>&1'
    revive 20-0050
    expect_pages 20-0050 32 2048 n '?Fno' o
    fail_in_cycle 20-0050 1 before
    expect_status 1 write 20-0050 3072 64
    revive 20-0050
    expect_pages 20-0050 32 3072 o o
    fail_in_cycle 20-0050 1 after
    expect_status 1 write 20-0050 3072 64
    revive 20-0050
    expect_pages 20-0050 32 3072 n o
    echo 40 > "$(chip 20-0050)/fail_after"
    expect_status 1 write 20-0050 4096 64
    revive 20-0050
    expect_pages 20-0050 32 4096 n o

    say "chips behind a multiplexer share the wire, one channel at a time"
    for number in 30 31; do
        expect "i2c-4/i2c-$number/$number-0050" \
            "$(realpath "$(device $number-0050)" | sed 's|.*/devices/||')" "path of a chip behind a multiplexer"
    done
    counted 31-0050 0 0 counted 30-0050 1 64 write 30-0050 0 64
    counted 30-0050 0 0 counted 31-0050 1 128 write 31-0050 0 128
    expect_pages 30-0050 64 0 n o
    expect_pages 31-0050 64 0 n n o
    expect_status 1 bash -c 'echo 24c64 0x50 > /sys/bus/i2c/devices/i2c-4/new_device'
    expect_status 1 plug 30-0050 24c64
    echo 4-0070 > /sys/bus/i2c/drivers/pca954x/unbind
    [ ! -e "$(device 30-0050)" ] || fail "a chip outlives its bus"
    expect_status 1 plug 30-0050 24c64
    echo 4-0070 > /sys/bus/i2c/drivers/pca954x/bind
    plug 30-0050 24c64
    plug 31-0050 24c512
    cmp "$(device 31-0050)/eeprom" "$(chip 31-0050)/image"

    cut_write 30-0050 64 during 0
    ;;
2) cut_write spi12.0 128 during 3 ;;
3) cut_write 20-0050 32 before 0 ;;
4) cut_write 20-0050 32 after 0 ;;
6) cut_write 31-0050 128 during 1 ;;
esac
