. /usr/local/lib/bed/vpd.sh
. /etc/bed/seed.sh
read_seed
# Where the choice is looked at, only what was remembered can say which system this is.
[ "$is_cut" = 1 ] || [ "$seed" = 0 ] || make_blank 10-0050
