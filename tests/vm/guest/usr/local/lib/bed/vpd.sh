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

# row KEY: its line of the status table. state KEY, outcome KEY, runs KEY: cells of it.
row() {
    $COLLECTION status | grep "^$1 " || true
}
state() {
    row "$1" | awk '{print $2}'
}
outcome() {
    row "$1" | awk '{print $3}'
}
runs() {
    row "$1" | awk '{print $9}'
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

# entered UNIT: when a unit became active, microseconds since boot.
entered() {
    systemctl show -P ActiveEnterTimestampMonotonic "$1"
}
