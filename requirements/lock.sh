#!/usr/bin/env bash
# Pin the gate's environment and its tests' to what constraints.txt holds; `make lock` calls it after renewing that.
set -euo pipefail
cd "$(dirname "$0")/.."
for name in gate light-test; do
    "${UV:-.venv/bin/uv}" pip compile --quiet --universal --python-version 3.10 --no-annotate \
        --no-header --constraints constraints.txt "requirements/$name.in" -o "requirements/$name.txt"
done
