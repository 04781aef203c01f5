#!/usr/bin/env bash
# What an app costs as it grows: a thousand to a million sessions in cookies, memory, Redis and
# a Redis Cluster, up to a thousand organizations, up to eight instances. Writes
# docs/scale/measured.csv, the curves beside it, and the numbers of docs/scale.md. Takes half
# an hour, and 6 GB of memory.
#
#     benches/scale.sh --short    up to a hundred thousand sessions, each route once
#     benches/scale.sh --quick    for a look between two changes: writes nothing
#     benches/scale.sh --draw     only draws what has been measured
#
# All of it is processor time as Linux accounts for it, commands as Redis counts them, and
# bytes: other work on the machine makes it slower, and moves the figures little.
#
# Installs what is missing first, by package name: Debian's wrk and Redis.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "benches/scale.sh: $*" >&2; exit 1; }

missing=()
command -v wrk >/dev/null || missing+=(wrk)
command -v redis-server >/dev/null || missing+=(redis-server)
((${#missing[@]} == 0)) || .ci/install "${missing[@]}"

# Without link-time optimization, which takes minutes, and as the instructions are counted.
build=(cargo build --locked --profile bench --all-features --bench scale)
"${build[@]}"
built=$("${build[@]}" --message-format=json 2>/dev/null |
    sed -n 's/.*"name":"scale".*"executable":"\([^"]*\)".*/\1/p')
[[ -x $built ]] || fail 'cargo does not say where the bench is'

if [[ ${1:-} != --draw ]]; then
    # No comma in it: it is the first line of a CSV.
    ABOUT="measured on $(date -u '+%-d %B %Y') on $(sed -n 's/^model name\t: //p' /proc/cpuinfo | head -1) with $(nproc) processors at a load of $(cut -d' ' -f1 /proc/loadavg)"
    export ABOUT
    "$built" run "$@"
fi
[[ ${1:-} == --quick ]] || "$built" draw
