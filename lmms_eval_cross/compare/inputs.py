"""What a side is read from: run folders, results or samples files, baseline files, several of them for rounds."""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
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
    given = Counter(map(Path.resolve, paths))
    twice = sorted(str(path) for path in paths if given[path.resolve()] > 1)
    if twice:
        raise RunError(f"{twice[0]} is given twice as a round of one side; give every round once.")
    return Side(tuple(chain.from_iterable(map(_load, paths))))


def _load(path: Path) -> tuple[Round, ...]:
    if is_baseline(path):
        return read_baseline(path)
    return (read_round(load_run(path)),)
