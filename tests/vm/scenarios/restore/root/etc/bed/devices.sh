# While the machine was off, boards were replaced: two by ones that were never programmed, one by another machine's.
if [ "$BOOT" = 2 ]; then
    cat "$(chip 24-0050)/image" > "$(chip 10-0050)/image"
    cat "$(chip 24-0050)/image" > "$(chip 11-0050)/image"
    cat "$(chip 25-0050)/image" > "$(chip 12-0050)/image"
fi
