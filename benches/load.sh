#!/usr/bin/env bash
# What the guards cost under load: builds the release binaries, starts the app of
# benches/load beside the development provider, signs in, and drives it with wrk.
# Prints one table; docs/performance.md says how to read it. Takes about half an
# hour; with --quick a few minutes, for a look between two changes.
#
# Installs what is missing first, by package name: Debian's wrk and Redis.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "benches/load.sh: $*" >&2; exit 1; }

missing=()
command -v wrk >/dev/null || missing+=(wrk)
command -v redis-server >/dev/null || missing+=(redis-server)
((${#missing[@]} == 0)) || .ci/install "${missing[@]}"

cargo build --locked --release --all-features --bin rocket_logto_web --bench load
built=$(cargo build --locked --release --all-features --bench load --message-format=json 2>/dev/null |
    sed -n 's/.*"name":"load".*"executable":"\([^"]*\)".*/\1/p')
[[ -x $built ]] || fail 'cargo does not say where the bench is'

date -u '+%-d %B %Y'
size=$(awk -v bytes="$(stat -c %s target/release/rocket_logto_web)" 'BEGIN { printf "%.1f MB", bytes / 1e6 }')
printf '%-44s%12s  %s\n' 'binary of the web app, all features' "$size" '16 MB'
exec "$built" "$@"
