"""What a teacher is asked to write, by name and fields, and the words in which an endpoint is asked for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal, TypeAlias

import yaml

from lmms_eval_cross.data.images import StoredImage
from lmms_eval_cross.judge.teacher import TeacherCall

TextName: TypeAlias = Literal["scene", "answer", "plain", "ground", "degrade"]
WORDS: Final = 180
"""How long answers are asked to be."""


@dataclass(frozen=True, slots=True)
class WantedText:
    """A text that a teacher shall write."""

    name: TextName
    fields: Mapping[str, str]
    """`country`, `language`, and what the name needs besides: norm, request, answer, question, option, contrast."""
    image: StoredImage | None = None


def teacher_call(wanted: WantedText) -> TeacherCall:
    """What an endpoint is asked."""
    words = _words()
    fields = dict(wanted.fields)
    if wanted.name == "degrade":
        fields["flaw"] = words["flaws"][fields.pop("contrast")]
    text = words[wanted.name].format(**fields, words=WORDS)
    return TeacherCall(words["system"], text, wanted.image)


@cache
def _words() -> dict[str, Any]:
    text = files("lmms_eval_cross.align").joinpath("teacher.yml").read_text(encoding="utf-8")
    words: dict[str, Any] = yaml.safe_load(text)
    return words
