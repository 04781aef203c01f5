#!/usr/bin/env bash
# What the guards cost under load: builds the release binaries, starts the app of
# benches/load beside the development provider, signs in, and drives it with wrk.
# Prints one table; docs/performance.md says how to read it. Takes about half an
# hour; with --quick a few minutes, for a look between two changes. Beside it, driven the
# same way, stand the guards of Logto's Express SDK and of express-openid-connect; with
# --peers these alone.
#
# Installs what is missing first, by package name: Debian's wrk, Redis and Node.js (20 or
# later), and what benches/peers/package-lock.json names from npm.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "benches/load.sh: $*" >&2; exit 1; }

missing=()
command -v wrk >/dev/null || missing+=(wrk)
command -v redis-server >/dev/null || missing+=(redis-server)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
((${#missing[@]} == 0)) || .ci/install "${missing[@]}"

# What express-openid-connect says it needs.
node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' ||
    fail "Node.js 20 or later is needed, this is $(node --version)"
peers=benches/peers
if [[ ! -f $peers/node_modules/.package-lock.json ||
    $peers/package-lock.json -nt $peers/node_modules/.package-lock.json ]]; then
    (cd $peers && npm ci --ignore-scripts --loglevel=error)
fi

cargo build --locked --release --all-features --bin rocket_logto_web --bench load
built=$(cargo build --locked --release --all-features --bench load --message-format=json 2>/dev/null |
    sed -n 's/.*"name":"load".*"executable":"\([^"]*\)".*/\1/p')
[[ -x $built ]] || fail 'cargo does not say where the bench is'

date -u '+%-d %B %Y'
# Other work on the machine slows all rows down alike, and what is seen of it is in the ratios.
echo "$(sed -n 's/^model name\t: //p' /proc/cpuinfo | head -1), $(nproc) processors, load $(cut -d' ' -f1-3 /proc/loadavg)"
size=$(awk -v bytes="$(stat -c %s target/release/rocket_logto_web)" 'BEGIN { printf "%.1f MB", bytes / 1e6 }')
printf '%-44s%12s  %s\n' 'binary of the web app, all features' "$size" '16 MB'
exec "$built" "$@"
