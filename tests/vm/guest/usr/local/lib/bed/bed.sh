# The words that scenarios' scripts are written in.

EEPROMS=/sys/kernel/debug/i2c_eeprom_sim
SPI_EEPROMS=/sys/kernel/debug/spi_eeprom_sim
GPIO=/sys/kernel/debug/gpio_lines_sim
CYCLES=/sys/kernel/debug/chip_sim

# say TEXT...: a line of the log, with the seconds since boot.
say() {
    read -r uptime _ < /proc/uptime
    echo "[$uptime] $*"
}

# fail TEXT...: ends the scenario.
fail() {
    echo "bed: $*"
    exit 1
}

# expect WANTED FOUND WHAT: two texts are the same.
expect() {
    [ "$1" = "$2" ] || fail "$3: expected '$1', found '$2'"
}

# expect_status WANTED COMMAND...: a command ends with this exit status.
expect_status() {
    local wanted=$1 status=0
    shift
    "$@" || status=$?
    expect "$wanted" "$status" "exit status of $*"
}

# nap SECONDS: without a process, which costs an emulated processor more than most that is waited for.
nap() {
    read -rt "$1" -u "$nothing" || true
}
exec {nothing}<> <(:)

# wait_until SECONDS COMMAND...: a command succeeds before long. The seconds are enough on a machine that has nothing
# else to do; three times that is a hang, and a slower machine gets more. Each look takes processor time from what is
# waited for, so they become rarer.
wait_until() {
    local limit=$((SECONDS + 3 * $1 * ${PACE:-100} / 100)) pause
    shift
    for pause in 0.1 0.1 0.2 0.2 0.3; do
        "$@" && return 0
        nap $pause
    done
    until "$@"; do
        [ "$SECONDS" -lt "$limit" ] || fail "this did not come true: $*"
        nap 0.5
    done
}

no_jobs() {
    [ -z "$(systemctl list-jobs --no-legend)" ]
}

# settle: udev has handled its events, and systemd what came of them.
settle() {
    udevadm settle --timeout=30
    wait_until 60 no_jobs
}

# chip KEY: its folder, in which its faults are set and its cells lie.
chip() {
    case $1 in
    spi*) echo "$SPI_EEPROMS/$1" ;;
    *) echo "$EEPROMS/$1" ;;
    esac
}

# add_chip KEY BYTES [PAGE [MUX CHANNEL]]: a chip on a bus of any number, which is made if there is none. It has no client
# yet. A page of 0 bytes is the usual one.
add_chip() {
    local bus
    case $1 in
    spi*)
        bus=${1#spi}
        echo "${bus%.0} $2 ${3:-0}" > "$SPI_EEPROMS/add"
        ;;
    *) echo "${1%-*} ${1#*-} $2 ${3:-0} ${4-} ${5-}" > "$EEPROMS/add" ;;
    esac
}

# plug KEY PART, unplug KEY: an EEPROM comes and goes. The part of an SPI EEPROM is its driver, at25.
plug() {
    echo "$2" > "$(chip "$1")/plug"
}
unplug() {
    echo - > "$(chip "$1")/plug"
}

# plug_bound KEY PART: it has power until its client has a driver, whatever the line says that it has it from.
plug_bound() {
    local power
    power=$(cat "$(chip "$1")/powered_by")
    echo none > "$(chip "$1")/powered_by"
    plug "$1" "$2"
    echo "$power" > "$(chip "$1")/powered_by"
}

# plug_unbound KEY PART: its client comes while it does not answer yet, and has no driver until somebody binds it.
plug_unbound() {
    local present
    present=$(cat "$(chip "$1")/present")
    echo N > "$(chip "$1")/present"
    plug "$1" "$2"
    echo "$present" > "$(chip "$1")/present"
}

# device KEY: the folder of the client in sysfs.
device() {
    case $1 in
    spi*) echo "/sys/bus/spi/devices/$1" ;;
    *) echo "/sys/bus/i2c/devices/$1" ;;
    esac
}

# control METHOD SIGNATURE ARGUMENTS...: a call to the stand-ins' control.
control() {
    busctl call io.vivianite.Test.Peers /io/vivianite/test/peers io.vivianite.Test.Peers1 "$@"
}

# peer NAME absent|hanging|normal, peer NAME slow MILLISECONDS: how a stand-in behaves from now on.
peer() {
    local name=$1
    shift
    control SetMode ss "$name" "$*"
}

# peer_calls NAME: a line for each call that it got: object, interface and method, arguments.
# expect_call NAME TEXT: one of them has this in it. peer_forget NAME: none so far.
peer_calls() {
    local answer
    answer=$(control Calls s "$1")
    answer=${answer#s \"}
    answer=${answer%\"}
    # The tool has escaped the text.
    [ -z "$answer" ] || printf '%b\n' "${answer//\\\"/\"}"
}
expect_call() {
    local calls
    calls=$(peer_calls "$1")
    [[ $calls == *"$2"* ]] || fail "$1 was not told '$2', but this:
$calls"
}
peer_forget() {
    control Forget s "$1"
}

# peer_set NAME PROPERTY TEXT: a property of chassis-state, host-state or bmc-state.
peer_set() {
    control SetText sss "$@"
}

# map PATH SERVICE INTERFACE...: the object mapper knows it from now on. unmap PATH: no more.
map() {
    local path=$1 service=$2
    shift 2
    control Map ssas "$path" "$service" $# "$@"
}
unmap() {
    control Unmap s "$1"
}

# cycles [KEY]: write cycles that a chip has begun, or all have. cycle_bytes KEY: the bytes that they were for. cycle_log:
# the last ones of all chips, a line each: number, chip, offset, bytes.
cycles() {
    if [ $# = 0 ]; then cat "$CYCLES/cycles"; else cat "$(chip "$1")/cycles"; fi
}
cycle_bytes() {
    cat "$(chip "$1")/programmed"
}
cycle_log() {
    cat "$CYCLES/log"
}

# write_protect KEY off|refuse|ignore: what becomes of bytes that are written: nothing special; they are not acknowledged;
# they are acknowledged and forgotten.
write_protect() {
    echo "$2" > "$(chip "$1")/write_protect"
}

# fail_in_cycle KEY N before|during|after: the chip stops answering in its Nth write cycle from now, before a cell has
# changed, while the page is torn, or when the new bytes are in. revive KEY: it answers again.
fail_in_cycle() {
    echo "$2 $3" > "$(chip "$1")/fail_in_cycle"
}
revive() {
    echo never > "$(chip "$1")/fail_after"
}

# cut_in_cycle N before|during|after [SEED]: the power goes in the Nth write cycle from now, counted over all chips. The
# script goes on until then; a cycle that does not come cuts nothing. The seed says what the page is torn into, its
# remainder by 5 which kind: 0 old, new, 0xff or random for each byte; 1 the old page, 2 the new, 3 0xff, 4 random.
cut_in_cycle() {
    echo "${3:-0}" > "$CYCLES/seed"
    echo "$1 $2" > "$CYCLES/cut"
}

# power_off: the orderly way. cut_power: the other. Neither returns.
power_off() {
    echo "bed: power off"
    systemctl poweroff
    exec sleep infinity
}
# power_off_judged FILE: the orderly way, and the verdict is that of a script that runs when all else has been stopped,
# the bus too. Does not return.
power_off_judged() {
    cp "$1" /run/bed/judge.sh
    systemctl start bed-judge.service
    power_off
}
cut_power() {
    echo
    echo "bed: cut power"
    exec sleep infinity
}
