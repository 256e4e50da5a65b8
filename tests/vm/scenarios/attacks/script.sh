. /usr/local/lib/bed/vpd.sh
declare -A names=(
    [inventory-manager]=xyz.openbmc_project.Inventory.Manager
    [vpd-collection]=io.vivianite.Vpd.Collection
    [location-code-updater]=io.vivianite.Vpd.Location
    [image-manager]=xyz.openbmc_project.Software.Version
)
# A second, and more where the guest is slow.
LIMIT=$(((${PACE:-100} + 99) / 100))
longest=0

# answers UNIT: within the limit.
answers() {
    local before after
    read -r before _ < /proc/uptime
    busctl --timeout="$LIMIT" call "${names[$1]}" / org.freedesktop.DBus.Peer Ping > /dev/null ||
        fail "$1 did not answer within $LIMIT s"
    read -r after _ < /proc/uptime
    before=$((${after/./} - ${before/./}))
    [ "$before" -le "$longest" ] || longest=$before
}
processes() {
    local unit
    for unit in "${!names[@]}"; do
        systemctl show -P MainPID -P NRestarts "$unit"
    done
}
# has_ended_sending: the attack has said so, or why it could not.
has_ended_sending() {
    [ -s /run/bed/attack ]
}
# attack KIND UNIT CONNECTIONS CALLS: as nobody, while all services are asked.
attack() {
    local in=/run/bed/attack.in hold unit round=0 limit=$((SECONDS + 120))
    say "$1: ${*:2}"
    mkfifo $in
    : > /run/bed/attack
    setpriv --reuid=nobody --regid=nogroup --clear-groups /usr/local/libexec/bed/test-attacks \
        "$1" "${names[$2]}" "$3" "$4" < $in > /run/bed/attack 2>&1 &
    exec {hold}> $in
    until [ $round -ge 2 ] && has_ended_sending; do
        [ $SECONDS -lt $limit ] || fail "the attack does not end"
        round=$((round + 1))
        for unit in "${!names[@]}"; do
            answers "$unit"
        done
    done
    expect sent "$(cat /run/bed/attack)" "what the attack says"
    exec {hold}>&-
    wait $! || fail "the attack ended with $?"
    rm $in
}

settle
# Without location codes there is no updater of them.
for unit in "${!names[@]}"; do
    systemctl is-active --quiet "$unit" && continue
    expect no "$(systemctl show -P ConditionResult "$unit")" "whether $unit is to run"
    unset "names[$unit]"
done
echo "under attack: ${!names[*]}"
for unit in "${!names[@]}"; do
    answers "$unit"
done
before=$(processes)

for unit in "${!names[@]}"; do
    attack descriptors "$unit" 4 250
    attack odd "$unit" 1 100
done

say "the inventory is made large"
printf -v text '%120000s' x
paths=()
for part in {1..10}; do
    paths+=("/attacks/part$part")
    busctl call $INVENTORY $INVENTORY_ROOT $INVENTORY Notify 'a{oa{sa{sv}}}' 1 "/attacks/part$part" \
        1 $PI.Item 1 PrettyName s "$text"
done
attack unread inventory-manager 4 125
all=$(busctl --timeout="$LIMIT" --json=short call $INVENTORY $INVENTORY_ROOT org.freedesktop.DBus.ObjectManager GetManagedObjects)
[ ${#all} -gt 1200000 ] || fail "the inventory has ${#all} bytes only"
busctl call $INVENTORY $INVENTORY_ROOT io.vivianite.Inventory.Deletion1 Delete as 10 "${paths[@]}" > /dev/null

expect "$before" "$(processes)" "processes of the services, and their restarts"
echo "the longest wait for an answer: $longest hundredths of a second, that of busctl included"
