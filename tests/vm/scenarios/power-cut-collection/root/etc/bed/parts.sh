# What is in which socket: after EEPROM's key, the part of odd seeds and that of even ones. Seed 0 is not cut.
parts() {
    cat << END
10-0051 planar card
10-0052 card   keyword
10-0053 ddr4   ddr5
10-0054 card   -
11-0050 -      card
11-0051 keyword planar
11-0052 planar card
11-0053 ddr5   keyword
11-0054 planar -
END
}

# Boots 2 and 3 are of seed 1: the cut one, and the one that is looked at.
read_seed() {
    local boot
    boot=$(tr ' ' '\n' < /proc/cmdline | sed -n 's/^bed\.boot=//p')
    seed=$((boot / 2))
    is_cut=$((boot % 2 == 0))
}

# put KEY PART: a part of the drawer, or none.
put() {
    case $2 in
    planar) load "$1" 12-0050 ;;
    card) load "$1" 12-0051 ;;
    keyword) load "$1" 12-0052 ;;
    ddr4) load "$1" 12-0053 ;;
    ddr5) load "$1" 12-0054 ;;
    -) empty_socket "$1" ;;
    esac
}

# serial_of PART
serial_of() {
    case $1 in
    planar) echo YVIV00000001 ;;
    card) echo YVIV00000101 ;;
    keyword) echo YVIV00000201 ;;
    ddr4) echo YVIV00000401 ;;
    ddr5) echo YVIV00000501 ;;
    esac
}
