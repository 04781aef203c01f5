#!/usr/bin/env bash
# Counts the instructions of the hot paths and fails when one has grown by more
# than a tenth over the figure accepted in benches/instructions/main.rs.
#
# Installs what is missing first, by package name: Debian's Valgrind, and
# gungraun-runner under target/, in the version of the library.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v valgrind >/dev/null || .ci/install valgrind

version=$(sed -n '/^name = "gungraun-runner"$/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)
.ci/tool gungraun-runner "$version"

export PATH=$PWD/target/tools/bin:$PATH
# The processor's newest instructions are not Valgrind's: which code path
# aws-lc takes depends on what Valgrind offers, not on the machine.
exec cargo bench --locked -p instruction_counts --bench instructions -- "$@"
