#!/usr/bin/env bash
# evaluate.sh NAME: run one checkpoint. Here an invented one that replays recorded answers to cross_demo; yours is
# `--model qwen2_5_vl --model_args pretrained=$CHECKPOINT --tasks cross,mmmu_val`, with a real judge (see README.md).
set -euo pipefail
name="$1"

# `run`, since lmms-eval exits 0 when it fails: an old run would be compared
CROSS_JUDGE=offline python -m lmms_eval_cross run -- --model cross_replay \
    --model_args "responses=$(python -m lmms_eval_cross demo-responses "$name")" \
    --tasks cross_demo --output_path "runs/$name" --log_samples
