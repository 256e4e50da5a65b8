. /usr/local/lib/bed/vpd.sh
. /etc/bed/parts.sh
export LC_ALL=C
read_seed
keep=/var/lib/bed
mkdir -p $keep
reference=$keep/parts-$((seed % 2))

if [ "$is_cut" = 1 ]; then
    # All is collected, and the moment is still to come.
    wait_until 60 [ -e /run/bed/cut ]
    say "seed $seed: cut after the machine was ready"
    cut_power
fi

shown > "$RESULTS/shown"
say "seed $seed: $($COLLECTION status | head -n 1)"
expect "active" "$(systemctl is-active vpd-collection.target)" "vpd-collection.target"
expect_status 0 $COLLECTION status > "$RESULTS/status"
expect "" "$(systemctl --failed --no-legend --plain)" "failed units"
grep -q '^cause = "matched"$' /run/vivianite/vpd/selection.toml || fail "the system was not recognised"
# A line of the journal that is torn, or a file that was not in place yet, is what a cut may leave; nothing worse.
journalctl -b -o cat -u inventory-manager -p warning --no-pager | grep -v '^-- No entries' > "$RESULTS/inventory-log" || true
sed 's/^/inventory-manager: /' "$RESULTS/inventory-log"
left=$(grep -v 'did not arrive whole$\|^removing .*/\.new-[^/]*, which' "$RESULTS/inventory-log" || true)
expect "" "$left" "errors of the inventory"

# shows OBJECT PART
shows() {
    local is_there=true
    [ "$2" != - ] || is_there=false
    expect "s \"$(serial_of "$2")\"" "$(serial "/system/$1")" "serial number of $1"
    expect "b $is_there" "$(present "/system/$1")" "presence of $1"
}
shows planar planar
while read -r key odd even; do
    if [ $((seed % 2)) = 1 ]; then shows "fru_${key/-/_}" "$odd"; else shows "fru_${key/-/_}" "$even"; fi
done < <(parts)

# For the next cut. Of a host that is busy at times the shortest counts, or cuts would come after the end.
from=$(systemctl show -P ExecMainStartTimestampMonotonic vpd-select.service)
took=$((($(entered vpd-collection.service) - from) / 1000))
say "from selection to collection: $took ms"
if [ ! -e $keep/took-ms ] || [ "$took" -lt "$(cat $keep/took-ms)" ]; then
    echo $took > $keep/took-ms
fi

if [ ! -e "$reference" ]; then
    [ "$seed" = 0 ] || collect_afresh
    shown > "$reference"
fi
expect_no_past "$RESULTS/shown" "$reference"

# These seeds begin on a machine that never collected anything.
case $((seed + 1)) in
1 | 5 | 8)
    systemctl stop vpd-collection.service inventory-manager.service
    rm -rf /var/lib/vivianite
    ;;
esac
