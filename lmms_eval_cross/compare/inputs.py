"""What a side is read from: runs, folders of rounds and baseline files, several of them for rounds."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from lmms_eval_cross.compare.baseline_file import is_baseline, read_baseline
from lmms_eval_cross.compare.integrity import check_facts, data_faults, rederived
from lmms_eval_cross.compare.rounds import Round, Side, read_round, refuse_other_models
from lmms_eval_cross.errors import RunError
from lmms_eval_cross.runs.run_files import LoggedRun
from lmms_eval_cross.runs.run_rounds import load_rounds


def load_side(
    paths: Sequence[Path], verify_replies: bool = True, read: Callable[[LoggedRun, bool], Round] | None = None
) -> Side:
    """The side made of the rounds at `paths`; a baseline file brings all the rounds that it holds.

    Args:
        paths: of runs and baseline files.
        verify_replies: scores are read anew from the judge's kept replies.
        read: makes the round of a run; by default `trusted_round`.

    Raises:
        RunError: a path can't be read, one run is given twice, a run was edited, or the rounds are of two models or
            settings.
    """
    given = Counter(map(Path.resolve, paths))
    twice = sorted(str(path) for path in paths if given[path.resolve()] > 1)
    if twice:
        raise RunError(f"{twice[0]} is given twice as a round of one side; give every round once.")
    rounds = tuple(chain.from_iterable(_load(path, verify_replies, read or trusted_round) for path in paths))
    refuse_other_models(rounds)
    return Side(rounds)


def _load(path: Path, verify_replies: bool, read: Callable[[LoggedRun, bool], Round]) -> tuple[Round, ...]:
    if is_baseline(path):
        return read_baseline(path)
    return tuple(read(run, verify_replies) for run in load_rounds(path))


def trusted_round(run: LoggedRun, verify_replies: bool = True) -> Round:
    """The round that a run is, as far as it agrees with itself.

    Raises:
        RunError: it was edited, or as for `read_round`.
    """
    check_facts(run)
    one = replace(read_round(run), faults=tuple(data_faults(run)))
    return rederived(one) if verify_replies else one
