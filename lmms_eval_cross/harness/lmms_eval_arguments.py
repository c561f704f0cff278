"""What can be told from lmms-eval's arguments before it reads them."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from lmms_eval_cross.errors import SettingsError

OUTPUT: Final = "--output_path"
CONFIG: Final = "--config"
MODEL_ARGS: Final = "--model_args"
GENERATION: Final = "--gen_kwargs"
SEED: Final = "--seed"
_QUOTES: Final = frozenset("'\"{}[]")
"""Between these, lmms-eval 0.7.3 reads a comma as part of a value."""


def option(arguments: Sequence[str], name: str) -> str | None:
    """The value of `--name value` or `--name=value`, the last one given."""
    value = None
    for previous, argument in pairwise(["", *arguments]):
        if previous == name:
            value = argument
        elif argument.startswith(f"{name}="):
            value = argument.partition("=")[2]
    return value


def without_option(arguments: Sequence[str], name: str) -> list[str]:
    """The arguments less each `--name value` and `--name=value`."""
    remaining: list[str] = []
    for previous, argument in pairwise(["", *arguments]):
        if name not in (previous, argument) and not argument.startswith(f"{name}="):
            remaining.append(argument)
    return remaining


def refuse_commas(arguments: Sequence[str]) -> None:
    """Nothing, unless a path holds a comma where lmms-eval, which reads key=value,key=value, would cut it.

    Raises:
        SettingsError: it does.
    """
    output, model_args = option(arguments, OUTPUT) or "", option(arguments, MODEL_ARGS) or ""
    if "," in output:
        raise SettingsError(f"{OUTPUT} is {output}, but lmms-eval can't write to a path with a comma; name another.")
    if _QUOTES & set(model_args):
        return
    for part in model_args.split(","):
        if part.strip() and "=" not in part:
            raise SettingsError(
                f"{MODEL_ARGS} has {part!r}, which is no key=value, since lmms-eval cuts at every comma; "
                "give a path without commas (a link to it will do)."
            )
