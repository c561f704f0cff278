#!/bin/sh
# From nothing to a tuned, gated model on a CPU. PLUMBING, NOT A MEASUREMENT: a tiny random model learns the demo's own
# answers by heart. TUNE_DEMO_WITHOUT_TUNING=1 leaves the tuning out, and the gate then fails, as it must.
set -eu
export CROSS_JUDGE=offline OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
export MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=4294967296    # keep large tensors' pages: a sixth of the time
OUT=${1:-runs/tune}
export CROSS_HOME="$OUT/home"    # neither prepared data nor a ledger of yours play a part

answer() { # MODEL RUN: the same command before and after
    lmms-eval-cross run -- --model llava_hf --model_args "pretrained=$1,device=cpu,device_map=cpu,dtype=float32" \
        --tasks cross_demo --gen_kwargs max_new_tokens=80 --batch_size 1 --output_path "$2"
}

fails() { # CODE COMMAND...: it must end with that exit code
    expected=$1
    shift
    code=0
    "$@" || code=$?
    [ "$code" = "$expected" ] || { echo "tune-demo: expected exit code $expected, got $code: $*" >&2; exit 1; }
}

python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "tune-demo: TRL needs Python 3.11 or later, and this is $(python --version): make the environment with that." >&2
    exit 2
}
echo "This is plumbing, not a measurement: a tiny random model learns the demo's own answers by heart."
rm -rf "$OUT"
lmms-eval-cross align demo -o "$OUT"
answer "$OUT/base" "$OUT/runs/base" >"$OUT/base.log" 2>&1 &    # meanwhile the data are made, and the model taught
base=$!

lmms-eval-cross align import --source "$OUT/source" -o "$OUT/data"
for kind in sft dpo; do
    fails 1 lmms-eval-cross align check "$OUT/data/$kind"        # it is the test, and the check sees it
    lmms-eval-cross align export "$OUT/data/$kind" --to trl -o "$OUT/exported/$kind" --allow-leaks
done
fails 2 lmms-eval-cross align tune sft "$OUT/data/sft" --model "$OUT/base" --preset demo -o "$OUT/taught"

if [ -z "${TUNE_DEMO_WITHOUT_TUNING:-}" ]; then
    lmms-eval-cross align tune sft "$OUT/data/sft" --model "$OUT/base" --preset demo -o "$OUT/taught" --allow-leaks
    lmms-eval-cross align tune dpo "$OUT/data/dpo" --model "$OUT/taught" --preset demo -o "$OUT/tuned" --allow-leaks
    answer "$OUT/tuned" "$OUT/runs/tuned"
else
    answer "$OUT/base" "$OUT/runs/tuned"
fi
wait "$base" || { cat "$OUT/base.log" >&2; exit 1; }

fails 1 lmms-eval-cross compare "$OUT/runs/tuned" "$OUT/runs/base" --margin compliance=5
lmms-eval-cross compare "$OUT/runs/base" "$OUT/runs/tuned" --margin compliance=5 --json "$OUT/compare.json"
lmms-eval-cross report "$OUT/runs/base" "$OUT/runs/tuned" -o "$OUT/report.html"
python - "$OUT/compare.json" <<'PYTHON'
import json, sys
metrics = json.load(open(sys.argv[1]))["metrics"]
(difference,) = [metric["difference"] for metric in metrics if metric["name"] == "compliance"]
assert difference["low"] > 0, f"compliance did not rise for sure: {difference}"
PYTHON
echo "This was plumbing, not a measurement: the model was trained on the demo's own answers."
