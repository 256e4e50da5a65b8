# `cargo xtask bench writer --machine` has put units into place, with and without the condition.
for group in init.scope vpd.slice; do
    awk -v group=$group '$1 == "usage_usec" { print group, $2 }' "/sys/fs/cgroup/$group/cpu.stat"
done > "$RESULTS/usage"
settle
expect active "$(systemctl is-active vpd-collection.target)" "vpd-collection.target"
expect "" "$(systemctl --failed --no-legend --plain)" "failed units"
# As it has been told.
expect "$(< /etc/bed/bench/conditions)" "$(systemctl cat 'ipz-vpd-parser@10\x2d0050.service' | grep -c '^Condition.*journals' || true)" \
    "conditions about journals"
