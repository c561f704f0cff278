#!/usr/bin/env bash
# gate.sh NAME: is this checkpoint worse than baseline.json? Exit 0 no, 1 yes, 2 wrong usage, 3 no verdict.
set -euo pipefail
name="$1"
margin="${MARGIN:-40}"   # points; twelve samples of nine norms decide no less (README.md)

mkdir -p out
exec python -m lmms_eval_cross compare \
    --margin "compliance=$margin" --margin "awareness=$margin" \
    --unsealed refuse \
    --markdown out/gate.md --junit out/gate.xml --json out/gate.json \
    -- baseline.json "runs/$name"
