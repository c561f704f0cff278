"""What a side is read from: run folders, results or samples files, baseline files, several of them for rounds."""

from collections.abc import Sequence
from pathlib import Path

from lmms_eval_cross.compare.baseline_file import is_baseline, read_baseline
from lmms_eval_cross.compare.rounds import Round, Side, read_round
from lmms_eval_cross.errors import RunError
from lmms_eval_cross.runs.run_files import load_run


def load_side(paths: Sequence[Path]) -> Side:
    """The side made of the rounds at `paths`; a baseline file brings all the rounds that it holds.

    Raises:
        RunError: a path can't be read, or one run is given twice.
    """
    twice = sorted({str(path) for path in paths if [other.resolve() for other in paths].count(path.resolve()) > 1})
    if twice:
        raise RunError(f"{twice[0]} is given twice as a round of one side; give every round once.")
    return Side(tuple(each for path in paths for each in _load(path)))


def _load(path: Path) -> tuple[Round, ...]:
    return read_baseline(path) if is_baseline(path) else (read_round(load_run(path)),)
