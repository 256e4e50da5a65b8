# swap_before BOOT: which EEPROM another part is put in place of, and where that lies.
swap_before() {
    # In full it is the redundant one every third time.
    case "$(($1 % 2)) $((($1 / 2) % 3))" in
    "0 0") echo 21-0050 24-0050 ;;
    0*) [ "$1" = 0 ] || echo 20-0050 24-0050 ;;
    "1 0") [ "$1" = 1 ] || echo spi22.0 25-0050 ;;
    1*) echo 23-0050 25-0050 ;;
    esac
}
