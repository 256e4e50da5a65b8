. /usr/local/lib/bed/plans.sh
settle
mkdir -p -m 1777 /run/bed/probe
for unit in 'bed-probe@10\x2d0050.service' 'bed-probe-short@file:a\x20b.service'; do
    say "$unit"
    systemctl start "$unit" || fail "$unit did not start"
    same "$unit" argv < "/run/bed/probe/$unit.argv"
    given < "/run/bed/probe/$unit.env" | same "$unit" env
done
