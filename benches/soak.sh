#!/usr/bin/env bash
# Two instances behind one Redis for ten minutes, or for as many seconds as the first
# argument says: people sign in and out, the provider ends sessions, strangers send
# logout tokens, tokens are refreshed, and Redis is restarted and killed again and again.
# Fails when a user who was left alone is signed out, when a session that has ended opens
# anything, or when an instance has grown. Prints what happened, and how often.
#
# Installs what is missing first, by package name: Debian's Redis.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "benches/soak.sh: $*" >&2; exit 1; }

command -v redis-server >/dev/null || .ci/install redis-server

# Without link-time optimization, which takes minutes and shows nothing here.
build=(cargo build --locked --profile bench --all-features --bench soak)
"${build[@]}"
built=$("${build[@]}" --message-format=json 2>/dev/null |
    sed -n 's/.*"name":"soak".*"executable":"\([^"]*\)".*/\1/p')
[[ -x $built ]] || fail 'cargo does not say where the bench is'

date -u '+%-d %B %Y'
exec "$built" "${@:-600}"
