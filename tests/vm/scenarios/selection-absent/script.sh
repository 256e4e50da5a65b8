export LC_ALL=C
run=/run/vivianite/vpd
device_unit='vpd-10\x2d0050.device'

chosen() {
    sed -n 's/^\(system\|cause\) = "\(.*\)"$/\2/p' $run/selection.toml | paste -sd ' '
}
settle
say "the boot went on without it"
expect "common no-choice" "$(chosen)" "choice"
expect 69 "$(systemctl show -P ExecMainStatus vpd-select.service)" "exit status"
expect "" "$(systemctl --failed --no-legend --plain)" "failed units"

say "after the time that is configured"
expect 3s "$(systemctl show -P JobRunningTimeoutUSec "$device_unit")" "limit of the device's job"
# Microseconds at which the device's job began to run and was given up.
read -r began ended < <(journalctl -b -o short-monotonic --no-pager |
    sed -n 's/^\[ *\([0-9]*\)\.\([0-9]*\)\].*\(Expecting\|Timed out waiting for\) device vpd-10.*/\1\2/p' | paste -sd ' ')
say "the device was waited for $(((ended - began) / 1000)) ms"
[ $((ended - began)) -ge 3000000 ] || fail "it was not waited for long enough"
# On a busy host it took longer; what systemd would wait for a device of which nobody says anything is 90 seconds.
[ $((ended - began)) -le 60000000 ] || fail "it was waited for too long"
expect inactive "$(systemctl is-active 'ipz-vpd-parser@10\x2d0051.service' || true)" "a card that only a system knows"

say "once it is there, selection can be run again"
plug 10-0050 24c64
settle
expect active "$(systemctl is-active "$device_unit")" "its device"
before=$(cat "$EEPROMS/10-0050/bytes")
systemctl restart vpd-select.service
expect "demo matched" "$(chosen)" "choice"
read=$(($(cat "$EEPROMS/10-0050/bytes") - before))
say "$read bytes of 8192 were on the wire"
[ "$read" -ge 55 ] && [ "$read" -le 1024 ] || fail "$read bytes were read"
