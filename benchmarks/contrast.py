"""What DPO with picture contrast does when its steps hold both halves of each contrast, and when they don't.

    python -m benchmarks.contrast [--seeds 2]       # Python 3.11 or later, the extra `align`; 5 minutes on two cores

The tiny random LLaVA of `align demo` learns the demo's answers, then prefers by the demo's 24 pairs: 6 of them a
step at random, or all 24. Both by the command `align tune`; the numbers are TRL's, from the log of each step.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tqdm import tqdm

STEPS: Final = ((1, 1), (2, 5), (16, 20), (21, 25))
"""First and last of those that a row is the mean of."""
BATCHES: Final = (6, 24)
DPO: Final = ("trl.max_steps=25", "trl.logging_steps=1")


def cross(*arguments: str | Path) -> None:
    """Run a command of ours, whose words are shown if it fails."""
    command = [sys.executable, "-m", "lmms_eval_cross", *map(str, arguments)]
    environment = {**os.environ, "CROSS_JUDGE": "offline", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")


def taught_model(folder: Path) -> Path:
    """The model after SFT, beside the data for DPO."""
    cross("align", "demo", "-o", folder)
    cross("align", "import", "--source", folder / "source", "-o", folder / "data")
    tune("sft", folder, folder / "base", folder / "taught", [])
    return folder / "taught"


def tune(stage: str, folder: Path, model: Path, output: Path, settings: Sequence[str]) -> None:
    """One stage, with values of the demo's preset changed."""
    changes = [part for setting in settings for part in ("--set", setting)]
    data = folder / "data" / stage
    given = ("--model", model, "--preset", "demo", "-o", output, "--allow-leaks", "--allow-unverified", *changes)
    cross("align", "tune", stage, data, *given)


def logged(output: Path) -> list[dict[str, float]]:
    """A row a step, as TRL logged it."""
    states = sorted(output.glob("checkpoints/checkpoint-*/trainer_state.json"), key=lambda path: path.stat().st_mtime)
    history: list[dict[str, float]] = json.loads(states[-1].read_text(encoding="utf-8"))["log_history"]
    return [row for row in history if "loss" in row]


def table_row(history: Sequence[dict[str, float]], first: int, last: int) -> str:
    """Loss, share of pairs ordered right and gradient norm, each the mean of these steps."""
    rows = [row for row in history if first <= row["step"] <= last]
    means = [statistics.fmean(row[name] for row in rows) for name in ("loss", "rewards/accuracies", "grad_norm")]
    return " | ".join(f"{mean:.2f}" for mean in means)


def main() -> None:
    """Print a row a batch size, seed and range of steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2)
    seeds = range(parser.parse_args().seeds)
    print("| pairs a step | seed | steps | loss | reward accuracy | gradient norm |")
    print("| --: | --: | --- | --: | --: | --: |")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "contrast"
        model = taught_model(folder)
        for batch, seed in tqdm([(batch, seed) for batch in BATCHES for seed in seeds], unit="run"):
            output = folder / f"tuned-{batch}-{seed}"
            sizes = (f"batch_size={batch}", f"trl.per_device_train_batch_size={batch}", f"trl.seed={seed}")
            tune("dpo", folder, model, output, (*DPO, *sizes))
            history = logged(output)
            for first, last in STEPS:
                print(f"| {batch} | {seed} | {first} to {last} | {table_row(history, first, last)} |", flush=True)


if __name__ == "__main__":
    main()
