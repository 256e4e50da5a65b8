. /usr/local/lib/bed/vpd.sh
# Not in its socket.
echo N > $EEPROMS/10-0051/present
# Stops answering in mid-read, and stays silent.
echo 100 > $EEPROMS/10-0052/fail_after
# One bit of the serial number.
overwrite 10-0054 140 'X'
# The whole record VCEN, beyond repair.
overwrite 11-0050 389 '\000\000\000\000\000\000\000'
# The record that identifies the part, beyond repair.
overwrite 11-0053 140 '\000\000\000\000\000\000\000'
# The header, beyond repair.
overwrite 11-0054 30 '\377\377\377\377\377\377\377\377\377\377\377\377'
