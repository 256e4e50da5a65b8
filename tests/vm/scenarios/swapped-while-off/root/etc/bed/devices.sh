. /usr/local/lib/bed/vpd.sh
if grep -qw bed.boot=1 /proc/cmdline; then
    empty_socket 10-0053
else
    empty_socket 10-0052
    empty_socket 11-0052
    empty_socket 11-0053
    make_blank 10-0054
    make_blank 10-0055
fi
