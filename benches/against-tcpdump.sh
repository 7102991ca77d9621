#!/bin/sh
# Compares whole processes: knocksim replay --json against tcpdump with a filter of the same ports, on the same files.
# Usage: benches/against-tcpdump.sh [PACKETS [ROUNDS]]    (from the workspace's folder; needs tcpdump and 1 GB of disk)
set -eu

packets=${1:-5000000}
rounds=${2:-7}
command -v tcpdump >/dev/null || { echo "against-tcpdump: tcpdump is not installed" >&2; exit 2; }
# A filter that says as much as the door's first look does, and less work for tcpdump than `port 7000 or ...`.
filter='tcp dst port 7000 or tcp dst port 8000 or tcp dst port 9000'

cargo build --release -q -p knocksim -p knock-benches
bin=${CARGO_TARGET_DIR:-target}/release
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' HUP INT TERM

# The nanoseconds that a command took.
nanos() {
    begin=$(date +%s%N)
    "$@"
    end=$(date +%s%N)
    echo $((end - begin))
}

replay() { "$bin/knocksim" replay --json --local 192.0.2.1/24 "$1" >/dev/null 2>&1; }
filtered() { tcpdump -r "$1" -w /dev/null "$filter" 2>/dev/null; }
plain() { tcpdump -r "$1" -w /dev/null 2>/dev/null; }

# The median of the numbers in a file, divided by the packets.
median() {
    sort -n "$1" | awk -v packets="$packets" '{ all[NR] = $1 } END { printf "%.1f", all[int((NR + 1) / 2)] / packets }'
}

echo "ns a packet, whole processes by turns, medians of $rounds rounds, $packets packets of 60 bytes, page cache warm"
echo "filter: $filter"
echo
printf '%-10s %9s %9s %7s %-15s %9s %7s\n' traffic knocksim filtered ratio '' plain ratio
missed=0
for kind in quiet strangers spoiling; do
    file=$folder/$kind.pcap
    "$bin/generate" "$kind" --packets "$packets" "$file"
    rm -f "$folder"/*.ns
    round=0
    while [ "$round" -le "$rounds" ]; do
        for program in replay filtered plain; do
            took=$(nanos "$program" "$file")
            # The first round warms the page cache.
            [ "$round" -eq 0 ] || echo "$took" >>"$folder/$program.ns"
        done
        round=$((round + 1))
    done
    case $kind in quiet) target=6 ;; *) target=3 ;; esac
    verdict=$(awk -v a="$(median "$folder/replay.ns")" -v b="$(median "$folder/filtered.ns")" \
        -v c="$(median "$folder/plain.ns")" -v target=$target 'BEGIN {
            printf "%9.1f %9.1f %6.2fx >= %dx %-8s %9.1f %6.2fx", a, b, b / a, target, (b / a >= target ? "met" : "missed"), c, c / a
        }')
    printf '%-10s %s\n' "$kind" "$verdict"
    case $verdict in *missed*) missed=$((missed + 1)) ;; esac
    rm -f "$file"
done
echo
echo "$missed missed"
