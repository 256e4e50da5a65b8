# Runs in a process of its own: a scenario's script, with the bed's words, and the line that failed.
. /usr/local/lib/bed/bed.sh
trap 'echo "bed: failed at ${BASH_SOURCE[0]##*/}:$LINENO: $BASH_COMMAND" >&2' ERR
# What still runs in the background would keep the log open, and the machine waiting for its end.
trap 'for job in $(jobs -p); do kill "$job" 2> /dev/null || true; done' EXIT
. "$1"
