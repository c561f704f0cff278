"""What is wrong with records of the release, told always and changed with `--repair` only."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Literal, TypeAlias

from lmms_eval_cross.align.countries import benchmark_countries
from lmms_eval_cross.align.examples import Block, Example, ImageBlock, SftExample, TextBlock, Turn, images_of, texts_of
from lmms_eval_cross.align.training_release import Question, parse_question

Defect: TypeAlias = Literal[
    "user turns in a row",
    "equal options",
    "answer names no option",
    "look-alike letters",
    "several pictures",
    "question with another picture",
    "speaks of a picture that is not there",
    "missing picture",
    "benchmark country in exclusive data",
    "equal answers",
]
REPAIRS: Final[dict[Defect, str]] = {
    "user turns in a row": "joined into one, text before picture",
    "look-alike letters": "replaced by the Latin ones",
    "equal options": "left out",
    "answer names no option": "left out",
    "several pictures": "left out",
    "speaks of a picture that is not there": "left out",
}
"""What `--repair` does; other defects stay as they are."""
_LEFT_OUT: Final = frozenset(defect for defect, repair in REPAIRS.items() if repair == "left out")
_LOOK_ALIKES: Final = dict(zip("АВЕЅІЈКМНОРСТХУБаеорсухіјѕ", "ABESIJKMHOPCTXYBaeopcyxijs", strict=True))
_WORD: Final = re.compile(r"[^\W\d_]+")
_PICTURE: Final = re.compile(
    r"\b(?:in|from|on) (?:the|this|your) (?:image|picture|photo|photograph)\b"
    r"|\b(?:image|picture|photo|photograph) (?:shows|depicts)\b|\bas (?:shown|pictured|depicted)\b",
    re.IGNORECASE,
)


class DefectFinder:
    """Names the defects of examples, one after another; remembers which question had which picture."""

    def __init__(self) -> None:
        self._pictures: dict[str, str] = {}
        self.places: dict[Defect, list[str]] = defaultdict(list)
        """Defect -> `file:line` of every example that has it."""

    def defects(self, example: Example) -> list[Defect]:
        """The defects of one example, noted in `places` as well."""
        names = list(self._defects(example))
        for name in names:
            self.places[name].append(str(example.origin))
        return names

    def _defects(self, example: Example) -> Iterator[Defect]:
        pictures = list(images_of(example))
        text = "\n".join(texts_of(example))
        question = parse_question(example.prompt[0].text)
        if any(before.role == after.role for before, after in zip(example.prompt, example.prompt[1:], strict=False)):
            yield "user turns in a row"
        if question is not None and len(set(question.options)) < len(question.options):
            yield "equal options"
        if question is not None and isinstance(example, SftExample) and not _names_option(example, question):
            yield "answer names no option"
        if latin_letters(text) != text:
            yield "look-alike letters"
        if len(pictures) > 1:
            yield "several pictures"
        if question is not None and pictures:
            before = self._pictures.setdefault(example.prompt[0].text, pictures[0].name)
            if before != pictures[0].name:
                yield "question with another picture"
        if not pictures and _PICTURE.search(text):
            yield "speaks of a picture that is not there"
        if any(picture.sha256 is None for picture in pictures):
            yield "missing picture"
        if example.origin.part == "exclusive" and names_benchmark_country(example):
            yield "benchmark country in exclusive data"


def _names_option(example: SftExample, question: Question) -> bool:
    """Whether the answer is `(k)`, k from 0, of an option that there is."""
    number = re.fullmatch(r"\((\d)\)", example.completion.strip())
    return number is not None and int(number[1]) < len(question.options)


def names_benchmark_country(example: Example) -> set[str]:
    """The benchmark's countries that an example is of or speaks of."""
    own = benchmark_countries(example.origin.country or "")
    return own.union(*map(benchmark_countries, texts_of(example)))


def repaired(example: Example, defects: list[Defect]) -> Example | None:
    """The example without what can be put right; None: it is left out."""
    if _LEFT_OUT & set(defects):
        return None
    if "user turns in a row" in defects:
        example = replace(example, prompt=joined_turns(example.prompt))
    if "look-alike letters" in defects:
        example = replace(example, prompt=tuple(map(_latin_turn, example.prompt)))
        if isinstance(example, SftExample):
            return replace(example, completion=latin_letters(example.completion))
        return replace(example, chosen=latin_letters(example.chosen), rejected=latin_letters(example.rejected))
    return example


def joined_turns(prompt: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """The prompt with neighbouring turns of one role as one, its texts before its pictures as our tasks send them."""
    turns: list[Turn] = []
    for turn in prompt:
        if turns and turns[-1].role == turn.role:
            turns[-1] = Turn(turn.role, text_first(turns[-1].blocks + turn.blocks))
        else:
            turns.append(turn)
    return tuple(turns)


def text_first(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
    """The texts, then the pictures, each in their order."""
    texts = tuple(block for block in blocks if isinstance(block, TextBlock))
    return texts + tuple(block for block in blocks if isinstance(block, ImageBlock))


def latin_letters(text: str) -> str:
    """`text` with Cyrillic letters that look like Latin ones replaced, in words that have Latin letters too."""
    return _WORD.sub(lambda match: _latin_word(match.group()), text)


def _latin_word(word: str) -> str:
    if word.isascii() or not any(letter in _LOOK_ALIKES for letter in word):
        return word
    return "".join(_LOOK_ALIKES.get(letter, letter) for letter in word) if _has_latin(word) else word


def _has_latin(word: str) -> bool:
    return any(unicodedata.name(letter, "").startswith("LATIN") for letter in word)


def _latin_turn(turn: Turn) -> Turn:
    return Turn(turn.role, tuple(_latin_block(block) for block in turn.blocks))


def _latin_block(block: Block) -> Block:
    return TextBlock(latin_letters(block.text)) if isinstance(block, TextBlock) else block
