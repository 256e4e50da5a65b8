# Boots 2 and 3 are of seed 1: the cut one, and the one that is looked at. Boot 1 is not cut.
read_seed() {
    local boot
    boot=$(tr ' ' '\n' < /proc/cmdline | sed -n 's/^bed\.boot=//p')
    seed=$((boot / 2))
    is_cut=$((boot % 2 == 0))
}
