# Words for scenarios about vital product data; a script takes them in with `. /usr/local/lib/bed/vpd.sh`.

COLLECTION=/usr/libexec/vivianite/vpd-collection
INVENTORY=xyz.openbmc_project.Inventory.Manager
INVENTORY_ROOT=/xyz/openbmc_project/inventory
PI=xyz.openbmc_project.Inventory

# property PATH INTERFACE PROPERTY: as busctl shows it, or nothing.
property() {
    busctl get-property $INVENTORY "$INVENTORY_ROOT$1" "$2" "$3" 2> /dev/null || true
}
serial() {
    property "$1" $PI.Decorator.Asset SerialNumber
}
present() {
    property "$1" $PI.Item Present
}

# cell KEY NUMBER: of its line of the status table, which is read without another process: each costs as much as the
# question itself. state KEY, outcome KEY, runs KEY: what has become of it.
cell() {
    local cells
    while read -ra cells; do
        if [ "${cells[0]-}" = "$1" ]; then
            echo "${cells[$2]}"
            break
        fi
    done <<< "$($COLLECTION status || true)"
}
state() {
    cell "$1" 1
}
outcome() {
    cell "$1" 2
}
runs() {
    cell "$1" 8
}

# has_state KEY STATE, has_outcome KEY OUTCOME: for wait_until.
has_state() {
    [ "$(state "$1")" = "$2" ]
}
has_outcome() {
    [ "$(outcome "$1")" = "$2" ]
}

# traffic: bytes that all chips have moved.
traffic() {
    cat $EEPROMS/*-*/bytes | awk '{sum += $1} END {print sum}'
}

# overwrite KEY OFFSET TEXT: cells of a chip, without traffic. Makes damage.
overwrite() {
    printf "$3" | dd of="$EEPROMS/$1/image" bs=1 seek="$2" conv=notrunc status=none
}

# load KEY FROM: a chip gets what another one holds: another part is in its place.
load() {
    cat "$EEPROMS/$2/image" > "$EEPROMS/$1/image"
}

# empty_socket KEY, make_blank KEY: there is no chip; it is as its maker sold it.
empty_socket() {
    echo N > "$EEPROMS/$1/present"
}
make_blank() {
    tr '\0-\376' '\377' < "$EEPROMS/$1/image" > "/run/$1.blank"
    cat "/run/$1.blank" > "$EEPROMS/$1/image"
}

# shown: all that the inventory shows, sorted, a line per property: object, interface, property, value; an interface
# without properties is a line too. Without the times of collection, which are others each time.
shown() {
    busctl --json=pretty call $INVENTORY $INVENTORY_ROOT org.freedesktop.DBus.ObjectManager GetManagedObjects | awk '
        {
            match($0, /^\t*/)
            depth = RLENGTH
            text = substr($0, depth + 1)
            sub(/,$/, "", text)
            split(text, quoted, "\"")
        }
        depth == 3 && /"/ { object = quoted[2] }
        depth == 4 && /"/ { interface = quoted[2] }
        depth == 4 && /\{\}/ { print object, interface }
        depth == 5 && /"/ { property = quoted[2] }
        depth == 6 && /"data"/ { sub(/^"data" : /, "", text); value = text }
        depth == 7 { value = value " " text }
        depth == 6 && text == "]" { value = value " ]" }
        depth == 5 && text == "}" { print object, interface, property, value }
    ' | grep -v 'Common.Progress \(StartTime\|CompletedTime\) ' | LC_ALL=C sort
}

# collect_afresh: collects everything into an inventory without a past.
collect_afresh() {
    systemctl stop vpd-collection.service inventory-manager.service
    rm -rf /var/lib/vivianite/inventory
    systemctl start vpd-collection.target
}

# expect_no_past SHOWN AFRESH: what is shown is what an inventory without a past shows. Beyond that there may be records
# and objects that an earlier part had, with nothing in them but names for people, empty values, and what the inventory
# itself gives to properties that nobody has ever set.
expect_no_past() {
    local missing left
    missing=$(LC_ALL=C comm -13 "$1" "$2")
    [ -z "$missing" ] || fail "this is missing: $missing"
    LC_ALL=C comm -23 "$1" "$2" > /run/emptied
    left=$(grep -v -e '^[^ ]* [^ ]*$' -e '\.Item PrettyName ' -e ' \(""\|\[\]\|false\|0\)$' \
        -e '\.Item\.Dimm \(ECC\|FormFactor\|MemoryMedia\|MemoryType\) ' /run/emptied || true)
    [ -z "$left" ] || fail "this is left of an earlier part: $left"
    say "$(wc -l < "$1") lines are shown, $(wc -l < /run/emptied) of them only since an earlier part had something there"
}

# entered UNIT: when a unit became active, microseconds since boot.
entered() {
    systemctl show -P ActiveEnterTimestampMonotonic "$1"
}
