#!/usr/bin/env bash
# What it takes from a clone to the first page: builds the web app as `cargo run` does, into an
# empty folder, starts it, and asks for the page. Prints how many crates are compiled, the
# processor time and the seconds of it, and how large the folder is then, with what is largest.
#
#     benches/build.sh [ARGUMENTS OF CARGO BUILD…]
#
# To compare settings: --config profile.dev.debug=true, say. Of two builds on a machine that
# does other work, compare the processor time. Crates are downloaded before the clock starts.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin

fail() { echo "benches/build.sh: $*" >&2; exit 1; }

folder=$(mktemp -d)/target
app=''
finish() {
    [[ -z $app ]] || kill "$app" 2>/dev/null || true
    rm -rf "${folder%/target}"
}
trap finish EXIT

cargo fetch --locked --quiet

printf '%s, %s, %s processors, load %s%s\n' "$(date -u '+%-d %B %Y')" \
    "$(sed -n 's/^model name\t: //p' /proc/cpuinfo | head -1)" "$(nproc)" "$(cut -d' ' -f1-3 /proc/loadavg)" "${*:+, $*}"
rustc --version

row() { printf '%-40s%s\n' "$1" "$2"; }

begin=$(date +%s.%N)
# Not in the shell's own time: that has everything since it was started.
usage=$( { TIMEFORMAT='%U %S'; time CARGO_TARGET_DIR=$folder cargo build --locked --message-format=json "$@" 2>/dev/null >"$folder.json"; } 2>&1 )
built=$(date +%s.%N)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
ROCKET_PORT=$port ROCKET_LOG_LEVEL=off ROCKET_WEB='{database=""}' \
    ROCKET_LOGTO='{dev_provider={port=0}}' "$folder/debug/rocket_logto_web" >/dev/null 2>"$folder.log" &
app=$!
until curl --silent --fail --output /dev/null "http://localhost:$port/"; do
    kill -0 "$app" 2>/dev/null || { cat "$folder.log" >&2; fail 'the app has ended'; }
    sleep 0.05
done
answered=$(date +%s.%N)

row 'crates in the tree' "$(cargo tree --locked --edges normal,build --prefix none --format '{p}' | sed 's/ (\*)$//; s/ (proc-macro)//' | sort -u | wc -l)"
row 'compiled' "$(grep -c '"reason":"compiler-artifact".*"fresh":false' "$folder.json")"
row 'CPU of the build' "$(awk '{ printf "%.0f s", $1 + $2 }' <<<"$usage")"
row 'from nothing to built' "$(awk -v a="$begin" -v b="$built" 'BEGIN { printf "%.0f s", b - a }')"
row 'from there to the first page' "$(awk -v a="$built" -v b="$answered" 'BEGIN { printf "%.1f s", b - a }')"
row 'target/' "$(du --summarize --bytes "$folder" | awk '{ printf "%.2f GB", $1 / 1e9 }')"
row 'of it the program' "$(stat -c %s "$folder/debug/rocket_logto_web" | awk '{ printf "%.0f MB", $1 / 1e6 }')"
for part in deps build incremental; do
    row "of it $part/" "$(du --summarize --bytes "$folder/debug/$part" | awk '{ printf "%.2f GB", $1 / 1e9 }')"
done
