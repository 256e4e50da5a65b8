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
# have_ended_sending UNIT...: each attack has said so, or why it could not.
have_ended_sending() {
    local unit
    for unit in "$@"; do
        [ -s "/run/bed/attack-$unit" ] || return 1
    done
}
# attack KIND CONNECTIONS CALLS UNIT...: as nobody, on all of these at once, while all services are asked.
attack() {
    local kind=$1 connections=$2 calls=$3 in=/run/bed/attack.in hold unit round=0 limit=$((SECONDS + 120)) attacks=()
    shift 3
    say "$kind: $*"
    mkfifo $in
    for unit in "$@"; do
        : > "/run/bed/attack-$unit"
        setpriv --reuid=nobody --regid=nogroup --clear-groups /usr/local/libexec/bed/test-attacks \
            "$kind" "${names[$unit]}" "$connections" "$calls" < $in > "/run/bed/attack-$unit" 2>&1 &
        attacks+=($!)
    done
    exec {hold}> $in
    until [ $round -ge 2 ] && have_ended_sending "$@"; do
        [ $SECONDS -lt $limit ] || fail "the attack does not end"
        round=$((round + 1))
        for unit in "${!names[@]}"; do
            answers "$unit"
        done
    done
    for unit in "$@"; do
        expect sent "$(cat "/run/bed/attack-$unit")" "what the attack on $unit says"
    done
    exec {hold}>&-
    for attack in "${attacks[@]}"; do
        wait "$attack" || fail "an attack ended with $?"
    done
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

attack descriptors 4 80 "${!names[@]}"
attack odd 1 100 "${!names[@]}"
attack small 4 60 "${!names[@]}"

say "the inventory is made large"
printf -v text '%120000s' x
paths=()
for part in {1..10}; do
    paths+=("/attacks/part$part")
    busctl call $INVENTORY $INVENTORY_ROOT $INVENTORY Notify 'a{oa{sa{sv}}}' 1 "/attacks/part$part" \
        1 $PI.Item 1 PrettyName s "$text"
done
attack unread 4 125 inventory-manager
all=$(busctl --timeout="$LIMIT" --json=short call $INVENTORY $INVENTORY_ROOT org.freedesktop.DBus.ObjectManager GetManagedObjects)
[ ${#all} -gt 1200000 ] || fail "the inventory has ${#all} bytes only"
busctl call $INVENTORY $INVENTORY_ROOT io.vivianite.Inventory.Deletion1 Delete as 10 "${paths[@]}" > /dev/null

expect "$before" "$(processes)" "processes of the services, and their restarts"
echo "the longest wait for an answer: $longest hundredths of a second, that of busctl included"
