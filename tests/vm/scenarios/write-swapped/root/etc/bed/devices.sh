. /etc/bed/swaps.sh
read -r swapped from <<< "$(swap_before "$BOOT")"
if [ -n "$swapped" ]; then
    cat "$(chip "$from")/image" > "$(chip "$swapped")/image"
fi
