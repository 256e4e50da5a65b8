. /usr/local/lib/bed/vpd.sh
. /etc/bed/parts.sh
read_seed
while read -r key odd even; do
    if [ $((seed % 2)) = 1 ]; then put "$key" "$odd"; else put "$key" "$even"; fi
done < <(parts)
