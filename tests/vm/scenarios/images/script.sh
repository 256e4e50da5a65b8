SERVICE=xyz.openbmc_project.Software.Version
ROOT=/xyz/openbmc_project/software
FOLDER=/tmp/images
SOURCE=/run/source

objects() {
    busctl --list tree $SERVICE | grep -E "^$ROOT/[0-9a-f]{8}$" || true
}
count() {
    objects | grep -c . || true
}
has_objects() {
    [ "$(count)" = "$1" ]
}
is_active() {
    systemctl is-active --quiet image-manager
}
answers() {
    busctl get-property $SERVICE $ROOT/multipart xyz.openbmc_project.Software.Update AllowedApplyTimes > /dev/null 2>&1
}
# drafts: what is being unpacked, or was left.
drafts() {
    find $FOLDER -maxdepth 1 -name '.tmp-*' | wc -l
}
is_unpacking() {
    [ "$(drafts)" -gt 0 ]
}
# drop FILE NAME: as the README says.
drop() {
    cp "$1" "$FOLDER/.$2.part"
    mv "$FOLDER/.$2.part" "$FOLDER/$2"
}
# expect_event ID TEXT: the event log has heard of it once, with the text in its data.
expect_event() {
    local calls
    calls=$(peer_calls event-log)
    expect 1 "$(grep -c "xyz.openbmc_project.Software.$1" <<< "$calls" || true)" "events $1"
    [[ $calls == *"$2"* ]] || fail "the event does not say '$2': $calls"
}
has_event() {
    peer_calls event-log | grep "$1" > /dev/null
}
# folder MIB: a file system of this size holds the uploads.
folder() {
    systemctl stop image-manager
    umount $FOLDER 2> /dev/null || true
    mkdir -p $FOLDER
    # The kernel makes it writable by everybody otherwise.
    mount -t tmpfs -o "size=$1M,mode=755" uploads $FOLDER
    peer_forget event-log
    systemctl start image-manager
}
pid() {
    systemctl show -P MainPID image-manager
}
peak_kib() {
    awk '/^VmHWM/ { print $2 }' "/proc/$(pid)/status"
}
# image NAME MIB: a signed image of nearly this size.
image() {
    mkdir -p $SOURCE/payload
    head -c $(($2 * 1048576 - 32768)) /dev/zero > $SOURCE/payload/firmware.bin
    software-tool pack $SOURCE/payload --sign /etc/bed/image-key.pem --purpose PSU --version "$1-1.0" \
        --extended-version model=bed,manufacturer=bed --output "$SOURCE/$1.tar" --write-trust /etc/activationdata
    rm $SOURCE/payload/firmware.bin
}

say "the unit"
wait_until 30 is_active
expect "$(systemctl show -P Id image-manager)" \
    "$(systemctl show -P Id xyz.openbmc_project.Software.Version.service)" "the name that upstream has"
exposure=$(systemd-analyze security --no-pager image-manager.service | tail -1)
say "$exposure"
systemd-analyze security --threshold=30 --no-pager image-manager.service > /dev/null || fail "$exposure"
mkdir -p $SOURCE
mount -t tmpfs -o size=140M source $SOURCE
say "free: $(awk '/MemAvailable/ { print int($2 / 1024) }' /proc/meminfo) MiB"
image large 60
image small 6

say "users other than root may read, and not hand over, activate or delete"
as_nobody() {
    setpriv --reuid nobody --regid nogroup --clear-groups busctl "$@" > /dev/null 2>&1
}
as_nobody call $SERVICE $ROOT/multipart org.freedesktop.DBus.Introspectable Introspect || fail "nobody may not look"
as_nobody call $SERVICE $ROOT xyz.openbmc_project.Collection.DeleteAll DeleteAll && fail "nobody may delete"
as_nobody get-property $SERVICE $ROOT/multipart xyz.openbmc_project.Software.Update AllowedApplyTimes ||
    fail "nobody may not read"
as_nobody call $SERVICE $ROOT org.freedesktop.DBus.ObjectManager GetManagedObjects || fail "nobody may not list"
as_nobody set-property $SERVICE $ROOT/multipart xyz.openbmc_project.Software.Update AllowedApplyTimes as 0 &&
    fail "nobody may set properties"

say "60 MiB dropped into 64 MiB: no room, said by name, nothing lost"
folder 64
foreign=$FOLDER/imageAbCdEf
mkdir $foreign $FOLDER/0123abcd
drop $SOURCE/large.tar large.tar
wait_until 60 has_event BusyFailure
expect_event Image.Error.BusyFailure "there is no room"
[ -f $FOLDER/large.tar ] || fail "the upload is gone"
expect 0 "$(count)" "objects"
expect 0 "$(drafts)" "drafts"
answers || fail "the service does not answer"

say "a file of another user that is still written is waited for"
folder 64
: > $FOLDER/slow.tar
chown nobody $FOLDER/slow.tar
exec 7>> $FOLDER/slow.tar
head -c 1000000 $SOURCE/small.tar >&7
# One of two writers closes it.
: >> $FOLDER/slow.tar
drop $SOURCE/small.tar other.tar
wait_until 60 has_objects 1
# Longer than a file rests that ends early.
for number in 1 2 3; do
    drop $SOURCE/small.tar "other-$number.tar"
    wait_until 60 has_objects $((number + 1))
done
tail -c +1000001 $SOURCE/small.tar >&7
exec 7>&-
wait_until 60 has_objects 5
expect "" "$(peer_calls event-log)" "events"
folder 64
mkdir $foreign $FOLDER/0123abcd
drop $SOURCE/large.tar large.tar
wait_until 60 has_event BusyFailure

say "and when there is room, it is taken in"
mount -o remount,size=160M $FOLDER
wait_until 120 has_objects 1
[ ! -e $FOLDER/large.tar ] || fail "the upload is still there"
expect_event Image.Error.BusyFailure "there is no room"
software-tool list
say "peak memory: $(peak_kib) KiB"
[ "$(peak_kib)" -lt 12288 ] || fail "that is too much"

say "killed and started again, it is there under the same id, and nothing else is"
before=$(objects)
kill -KILL "$(pid)"
wait_until 30 answers
wait_until 30 has_objects 1
expect "$before" "$(objects)" "the image after a restart"
software-tool delete --all
wait_until 30 has_objects 0
[ -d $foreign ] && [ -d $FOLDER/0123abcd ] || fail "folders of others are gone"

say "60 MiB dropped into 160 MiB"
folder 160
drop $SOURCE/large.tar large.tar
wait_until 120 has_objects 1
expect "" "$(peer_calls event-log)" "events"

for size in 64 160; do
    say "60 MiB by descriptor, unpacked into $size MiB"
    folder $size
    expect_status 0 software-tool install $SOURCE/large.tar --apply on-request
    wait_until 30 has_objects 1
    expect "" "$(peer_calls event-log)" "events"
    [ "$(peak_kib)" -lt 12288 ] || fail "peak memory: $(peak_kib) KiB"
done

say "killed while it unpacks: a dropped image is taken in, one that was handed over is said to be lost"
folder 160
rounds=1
# All of it, where there is time.
[ "$BOOT" = 1 ] || rounds=10
for number in $(seq $rounds); do
    drop $SOURCE/large.tar "large-$number.tar"
    wait_until 60 is_unpacking
    kill -KILL "$(pid)"
    wait_until 120 has_objects 1
    expect 0 "$(find $FOLDER -maxdepth 1 -type f ! -name '.made-*' | wc -l)" "files left"
    expect 0 "$(drafts)" "drafts left"
    software-tool delete --all
    wait_until 30 has_objects 0
    systemctl reset-failed image-manager
done
software-tool install $SOURCE/large.tar --apply on-request > $RESULTS/lost.txt 2>&1 &
client=$!
wait_until 60 is_unpacking
kill -KILL "$(pid)"
wait_until 30 has_event TransferFailed
expect_event Update.TransferFailed "the service ended while it was taken in"
status=0
wait $client || status=$?
[ $status -ne 0 ] || fail "the client says that all is well"
expect 0 "$(drafts)" "drafts left"

say "under memory pressure"
folder 64
rm $SOURCE/large.tar
spare=$(awk '/MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
# Forty MiB are left for all: the image twice, and whatever else lives here.
mkdir -p /run/hog
mount -t tmpfs -o size=100% hog /run/hog
head -c $(((spare - 40) * 1048576)) /dev/zero > /run/hog/weight
say "free: $(awk '/MemAvailable/ { print int($2 / 1024) }' /proc/meminfo) MiB"
drop $SOURCE/small.tar small.tar
wait_until 120 has_objects 1
expect_status 0 software-tool install $SOURCE/small.tar --apply on-request
expect "" "$(peer_calls event-log)" "events"
rm /run/hog/weight
if dmesg | grep -i 'out of memory'; then fail "something was killed for want of memory"; fi

say "the bus tells it in order, each image once and complete"
folder 64
busctl monitor --json=short --match "type='signal',path_namespace='$ROOT'" > $RESULTS/signals.json &
monitor=$!
watched() {
    busctl list --no-legend | grep -q "^:[0-9.]* *$monitor " && return 1
    [ -d /proc/$monitor ]
}
wait_until 30 watched
expect_status 0 software-tool install $SOURCE/small.tar --apply on-request
drop $SOURCE/small.tar small.tar
wait_until 60 has_objects 2
said() {
    [ "$(grep -c InterfacesAdded $RESULTS/signals.json)" = 3 ]
}
wait_until 30 said
kill $monitor
expect 2 "$(grep InterfacesAdded $RESULTS/signals.json | grep -c Software.ExtendedVersion)" "complete announcements"
first=$(grep -n 'Activations.Ready' $RESULTS/signals.json | head -1 | cut -d: -f1)
complete=$(grep -n 'Software.ExtendedVersion' $RESULTS/signals.json | head -1 | cut -d: -f1)
[ "$first" -lt "$complete" ] || fail "published before it is Ready"

say "the folder is taken away and made again"
systemctl stop image-manager
umount $FOLDER
systemctl start image-manager
rm -rf $FOLDER
is_there() {
    [ -d $FOLDER ]
}
wait_until 30 is_there
drop $SOURCE/small.tar small.tar
wait_until 60 has_objects 1
expect 0 "$(journalctl -b -u image-manager -p 2 --no-pager -q | wc -l)" "lines of the journal that are worse than errors"
