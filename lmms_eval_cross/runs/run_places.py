"""Which runs lie in a folder: a model's reruns are one, and the folders of several models are several."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from lmms_eval_cross.errors import RunError, listing

RESULTS_ENDING = "_results.json"
MARK = "rounds.json"
"""Lies in a folder of rounds (runs/run_rounds.py)."""
SUBMISSIONS = "submissions"
"""Where tasks such as MMBench put files of their own, some of which end like results."""


def results_files(folder: Path) -> list[Path]:
    """The results files anywhere below a folder, the newest last."""
    named = folder.rglob(f"*{RESULTS_ENDING}")
    files = [file for file in named if file.parent.name != SUBMISSIONS and file.is_file()]
    return sorted(files, key=lambda file: file.name)  # their names begin with the date


def run_places(path: Path) -> list[Path]:
    """Where the runs at a path lie, by name: the path itself, or each folder below it that a model wrote into.

    lmms-eval gives every model a folder below the --output_path. Rounds of one `run --rounds` are one run, and so are
    a model's reruns, of which the newest counts.
    """
    if not path.is_dir() or (path / MARK).is_file() or len(_homes(path)) < 2:
        return [path]
    return [*_newest_beside(path), *chain.from_iterable(map(run_places, _folders_with_runs(path)))]


def only_run_place(path: Path) -> Path:
    """The place of the one run at a path.

    Raises:
        RunError: there are several.
    """
    places = run_places(path)
    if len(places) > 1:
        names = listing([str(place) for place in places])
        raise RunError(f"{path} holds {len(places)} runs, and one is wanted; name one of {names}.")
    return places[0]


def _homes(path: Path) -> set[Path]:
    return {file.parent for file in results_files(path)}


def _newest_beside(path: Path) -> Iterator[Path]:
    """The newest results file that lies in the folder itself, beside the folders of others."""
    files = sorted(path.glob(f"*{RESULTS_ENDING}"))
    if files:
        yield files[-1]


def _folders_with_runs(path: Path) -> Iterator[Path]:
    for folder in sorted(filter(Path.is_dir, path.iterdir())):
        if _homes(folder):
            yield folder
