"""Several rounds in one process of lmms-eval: `run --rounds` names them in a --config, and the model is made once.

lmms-eval evaluates the entries of a --config one after another, each with the model that it makes. Here the second and
later ones get the first's, which keeps its weights: lmms-eval removes them from a model after each evaluation.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

ROUNDS: Final = "CROSS_RUN_ROUNDS"
"""JSON: --output_path of each round -> the variables that hold in it, in order; set by `run --rounds`."""

_made: Final[dict[tuple[type, str], Any]] = {}
_failed: Final[set[str | None]] = set()


@contextmanager
def in_round(output: str | None) -> Iterator[None]:
    """The environment of the round that writes there; after one that failed, the process ends with status 1."""
    rounds = _rounds()
    if output not in rounds:
        yield
        return
    if _failed:
        raise SystemExit(1)
    os.environ.update(rounds[output])
    try:
        yield
    except Exception:
        _failed.add(output)
        raise


def made_once(make: Callable[..., Any], cls: type, arguments: str, *more: Any, **named: Any) -> Any:
    """What `make` gives; of several rounds in this process, what it gave in the first."""
    rounds = _rounds()
    if not rounds:
        return make(cls, arguments, *more, **named)
    if (cls, arguments) not in _made:
        _made[cls, arguments] = make(cls, arguments, *more, **named)
    model = _made[cls, arguments]
    is_last = list(rounds.values())[-1].items() <= os.environ.items()
    model.clean = type(model).clean.__get__(model) if is_last else _keep_weights
    return model


def _keep_weights() -> None:
    """In place of a model's `clean`, while rounds follow that need it."""


def _rounds() -> dict[str | None, dict[str, str]]:
    rounds: dict[str | None, dict[str, str]] = json.loads(os.environ.get(ROUNDS, "{}"))
    return rounds
