. /usr/local/lib/bed/vpd.sh
card=/system/chassis/motherboard/fan_card
show() {
    echo
    echo "# $*"
    "$@" || echo "(exit status $?)"
}
show systemd-analyze critical-chain --no-pager vpd-collection.target
show $COLLECTION status
show systemctl status --no-pager --lines=0 vpd-collection.service
echo
say "somebody pulls the card in 10-0051"
unplug 10-0051
wait_until 30 has_state 10-0051 absent
show busctl get-property $INVENTORY $INVENTORY_ROOT$card $PI.Item Present
show busctl get-property $INVENTORY $INVENTORY_ROOT$card $PI.Decorator.Asset SerialNumber
echo
say "and puts in another"
load 10-0051 10-0054
plug 10-0051 24c64
wait_until 30 has_outcome 10-0051 ok
wait_until 30 has_state 10-0051 collected
show busctl get-property $INVENTORY $INVENTORY_ROOT$card $PI.Decorator.Asset SerialNumber
show $COLLECTION status
show systemctl --failed --no-legend
