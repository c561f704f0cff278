"""Between which tags a model's text is reasoning: ours and those of lmms-eval's `--reasoning_tags`, its default too."""

import json
from typing import Final

from pydantic import TypeAdapter, ValidationError

from lmms_eval_cross.errors import SettingsError

OURS: Final = (("<think>", "</think>"), ("<thinking>", "</thinking>"))
_PAIRS: Final = TypeAdapter(list[tuple[str, str]])
_of_the_command_line: Final[list[tuple[str, str]]] = []


def use_tags_of_the_command_line(value: str | None) -> None:
    """Take over what `--reasoning_tags` says; it adds to ours, and `none` adds nothing.

    Raises:
        SettingsError: it is no JSON list of pairs.
    """
    try:
        pairs = _PAIRS.validate_python(json.loads(value)) if value and value != "none" else []
    except (ValueError, ValidationError):
        raise SettingsError(
            f"--reasoning_tags is {value}, but must be a JSON list of an opening and a closing tag each, such as "
            '[["<think>", "</think>"]], or none.'
        ) from None
    _of_the_command_line[:] = [pair for pair in pairs if all(pair)]


def tags_in_force() -> list[tuple[str, str]]:
    """Ours and the command line's, each once."""
    return list(dict.fromkeys([*OURS, *_of_the_command_line]))
