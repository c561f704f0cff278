"""Options that the commands which decide have in common: `compare`, `gate`, `plan`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import click

from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.cli.paths import GivenPath

OUTPUT: Final = GivenPath(dir_okay=False, writable=True, path_type=Path)

_CommandT = TypeVar("_CommandT", bound=Callable[..., Any])


class Option(Protocol):
    """What adds an option to a command."""

    def __call__(self, command: _CommandT, /) -> _CommandT:
        """The command with the option."""


def read_margins(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, float]:
    """`NAME=POINTS`, several times."""
    margins: dict[str, float] = {}
    for each in given:
        name, _sign, points = each.rpartition("=")
        if name in margins:
            raise click.BadParameter(f"names {name} twice.")
        try:
            margins[name] = float(points)
        except ValueError:
            margins[name] = 0
        if not name or not 0 < margins[name] <= 100:
            raise click.BadParameter(f"must be NAME=POINTS with points above 0 and at most 100, got {each!r}.")
    return margins


def read_accuracy(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    """`DIMENSION=SENSITIVITY,SPECIFICITY`, several times."""
    accuracy: dict[str, tuple[float, float]] = {}
    for each in given:
        name, _sign, rates = each.partition("=")
        try:
            sensitivity, specificity = map(float, rates.split(","))
        except ValueError:
            raise click.BadParameter(f"must be DIMENSION=SENSITIVITY,SPECIFICITY, got {each!r}.") from None
        if not (0 <= sensitivity <= 1 and 0 <= specificity <= 1 and sensitivity + specificity > 1):
            raise click.BadParameter(f"must have rates in 0..1 that add up to more than 1, got {each!r}.")
        if name in accuracy or name not in DIMENSIONS:
            raise click.BadParameter(f"must name each of {', '.join(DIMENSIONS)} once at most, got {each!r}.")
        accuracy[name] = sensitivity, specificity
    return accuracy


def margin_option(metavar: str, text: str) -> Option:
    """`--margin`, several times."""
    return click.option("--margin", "margins", multiple=True, callback=read_margins, metavar=metavar, help=text)


def accuracy_option(text: str) -> Option:
    """`--judge-accuracy`, several times."""
    return click.option(
        "--judge-accuracy", "accuracy", multiple=True, callback=read_accuracy, metavar="DIMENSION=SENS,SPEC", help=text
    )


def alpha_option(text: str) -> Option:
    """`--alpha`."""
    level = click.FloatRange(0, 0.5, min_open=True, max_open=True)
    return click.option("--alpha", default=0.05, show_default=True, type=level, help=text)


def inconclusive_option() -> Option:
    """`--inconclusive`."""
    text = "`pass`: exit 0 where sound data can't decide at these margins."
    return _choice("--inconclusive", ["fail", "pass"], "fail", text)


def slices_option(text: str) -> Option:
    """`--slices`."""
    return _choice("--slices", ["off", "warn", "fail"], "warn", text)


def unsealed_option() -> Option:
    """`--unsealed`."""
    text = "A baseline file of an earlier release, without a seal: say so, or exit 2."
    return _choice("--unsealed", ["warn", "refuse"], "warn", text)


def _choice(name: str, choices: Sequence[str], default: str, text: str) -> Option:
    return click.option(name, type=click.Choice(choices), default=default, show_default=True, help=text)


def verify_replies_option(text: str) -> Option:
    """`--verify-replies`."""
    return click.option("--verify-replies/--no-verify-replies", default=True, show_default=True, help=text)
