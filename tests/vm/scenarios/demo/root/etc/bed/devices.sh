. /usr/local/lib/bed/vpd.sh
# One bit of a serial number is wrong, and one part is not there.
overwrite 10-0051 140 'X'
echo N > $EEPROMS/11-0053/present
