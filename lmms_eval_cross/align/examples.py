"""What a model is trained on: one SFT example, or one preference pair, with where it comes from."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

from lmms_eval_cross.benchmark.records import Dimension
from lmms_eval_cross.errors import AlignError

Kind: TypeAlias = Literal["sft", "dpo"]
Role: TypeAlias = Literal["system", "user", "assistant"]
Contrast: TypeAlias = Literal[Dimension, "picture"]
"""What the two answers of a pair differ in; `picture`: each is right for another picture."""
Part: TypeAlias = Literal["overlapped", "exclusive"]
"""What data say of their countries: the benchmark's, or none of them. The check doesn't believe it."""

CONTRASTS: Final[tuple[Contrast, ...]] = get_args(Contrast)
LENGTH_RATIO: Final = (0.8, 1.25)
"""Of chosen to rejected answer; pairs outside are marked."""
_ID_DIGITS: Final = 24


@dataclass(frozen=True, slots=True)
class TextBlock:
    """A piece of text of a turn."""

    text: str


@dataclass(frozen=True, slots=True)
class ImageBlock:
    """A picture of a turn."""

    sha256: str | None
    """Of the file's bytes, which are stored once in the dataset; None: missing, its name is all there is."""
    name: str
    """What the source calls it: a file name or the end of a URL."""


Block: TypeAlias = TextBlock | ImageBlock


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a conversation; the blocks' order is the order that a model sees."""

    role: Role
    blocks: tuple[Block, ...]

    @property
    def text(self) -> str:
        """Its text blocks, a line each."""
        return "\n".join(block.text for block in self.blocks if isinstance(block, TextBlock))


@dataclass(frozen=True, slots=True)
class Scores:
    """What CROSS-Eval's judge said of one answer: 1 is good, 0 bad, None without a score (a failure is no 0)."""

    judge: str
    """The judge's id, as ledger and reports name it."""
    awareness: Literal[0, 1] | None = None
    education: Literal[0, 1] | None = None
    compliance: Literal[0, 1] | None = None
    helpfulness: Literal[0, 1] | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an example comes from."""

    source: str
    """The file's name, or what made the example, such as a teacher's id; no path of a machine."""
    line: int
    """From 1; the row or number where the source has no lines."""
    licence: str | None = None
    """As the source says it; None: it says nothing."""
    country: str | None = None
    language: str | None = None
    norm: str | None = None
    part: Part | None = None

    def __str__(self) -> str:
        """`file:line`."""
        return f"{self.source}:{self.line}"


@dataclass(frozen=True, slots=True)
class SftExample:
    """A conversation and the answer that a model shall learn to give.

    Raises:
        AlignError: no user turn at the end of the prompt, or an empty answer.
    """

    prompt: tuple[Turn, ...]
    completion: str
    origin: Origin
    verdicts: Scores | None = None

    def __post_init__(self) -> None:
        _require_prompt(self.prompt, self.origin)
        _require_text(self.completion, "completion", self.origin)

    @property
    def id(self) -> str:
        """24 hex digits: the hash of what is trained on; equal examples of two sources share it."""
        return _content_id("sft", self.prompt, completion=self.completion)

    @property
    def answers(self) -> tuple[str, ...]:
        """Every text that a model is trained on as an answer."""
        return (self.completion,)


@dataclass(frozen=True, slots=True)
class PreferencePair:
    """A conversation, an answer to prefer, and one to avoid; **`rejected` is unsafe text, made to be avoided**.

    Raises:
        AlignError: no user turn at the end of the prompt, or an answer that is empty or equal to the other.
    """

    prompt: tuple[Turn, ...]
    chosen: str
    rejected: str
    contrast: Contrast
    origin: Origin
    chosen_verdicts: Scores | None = None
    rejected_verdicts: Scores | None = None

    def __post_init__(self) -> None:
        _require_prompt(self.prompt, self.origin)
        _require_text(self.chosen, "chosen answer", self.origin)
        _require_text(self.rejected, "rejected answer", self.origin)
        if self.chosen == self.rejected:
            raise AlignError(f"{self.origin}: chosen and rejected answer are equal; a pair must differ.")

    @property
    def id(self) -> str:
        """24 hex digits: the hash of what is trained on."""
        return _content_id("dpo", self.prompt, chosen=self.chosen, rejected=self.rejected)

    @property
    def lengths_differ(self) -> bool:
        """Whether the answers' lengths in characters are so far apart that a model may learn length instead."""
        least, most = LENGTH_RATIO
        return not least <= len(self.chosen) / len(self.rejected) <= most

    @property
    def answers(self) -> tuple[str, ...]:
        """Every text that a model is trained on as an answer."""
        return (self.chosen, self.rejected)


Example: TypeAlias = SftExample | PreferencePair


def kind_of(example: Example) -> Kind:
    """`sft` or `dpo`."""
    return "sft" if isinstance(example, SftExample) else "dpo"


def images_of(example: Example) -> Iterator[ImageBlock]:
    """The pictures of the prompt, in order, with repetitions."""
    for turn in example.prompt:
        for block in turn.blocks:
            if isinstance(block, ImageBlock):
                yield block


def texts_of(example: Example) -> Iterator[str]:
    """Every text of an example that a model is shown or trained on, a turn or an answer each."""
    for turn in example.prompt:
        yield turn.text
    yield from example.answers


def _content_id(kind: Kind, prompt: tuple[Turn, ...], **answers: str) -> str:
    content = {"kind": kind, "prompt": [_turn_content(turn) for turn in prompt], **answers}
    canonical = json.dumps(content, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:_ID_DIGITS]


def _turn_content(turn: Turn) -> dict[str, Any]:
    return {"role": turn.role, "blocks": [_block_content(block) for block in turn.blocks]}


def _block_content(block: Block) -> dict[str, Any]:
    """A picture that is there counts by its bytes, whatever its name."""
    if isinstance(block, ImageBlock) and block.sha256 is not None:
        return {"sha256": block.sha256}
    return asdict(block)


def _require_prompt(prompt: tuple[Turn, ...], origin: Origin) -> None:
    if not prompt or prompt[-1].role != "user":
        raise AlignError(f"{origin}: the prompt must end with a user's turn.")
    if not any(turn.blocks for turn in prompt):
        raise AlignError(f"{origin}: the prompt is empty.")


def _require_text(text: str, what: str, origin: Origin) -> None:
    if not text.strip():
        raise AlignError(f"{origin}: the {what} is empty.")
