# The disk is not there yet: which cycle, in which way, hangs on the boot's number alone.
round=$(((BOOT - 1) / 3))
if [ "$BOOT" -le 60 ]; then
    case $((BOOT % 3)) in
    2) cut_in_cycle $((round / 2 % 2 + 1)) during $((5 * round + 3 - round % 5)) ;;
    # Of one that comes to its end before, the end of the boot is the cut.
    0) cut_in_cycle $((round % 2 + 1)) during $((5 * round + round % 5)) ;;
    esac
fi
