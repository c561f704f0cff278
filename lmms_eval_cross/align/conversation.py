"""Examples as every trainer wants them: roles that alternate, text before picture, pictures that are there."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from lmms_eval_cross.align.dataset import AlignDataset
from lmms_eval_cross.align.defects import joined_turns, text_first
from lmms_eval_cross.align.examples import Example, ImageBlock, PreferencePair, SftExample, TextBlock, Turn

PLACEHOLDER = "<image>"
"""What stands for a picture inside a text, in the formats that have no blocks."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """An example, ready to be written."""

    prompt: tuple[Turn, ...]
    example: Example

    @property
    def images(self) -> list[str]:
        """SHA-256 of the pictures, in the order of the text."""
        blocks = [block for turn in self.prompt for block in turn.blocks]
        return [block.sha256 for block in blocks if isinstance(block, ImageBlock) and block.sha256]

    @property
    def completion(self) -> str:
        """The answer to learn."""
        return self.example.completion if isinstance(self.example, SftExample) else self.example.chosen

    @property
    def pair(self) -> PreferencePair:
        """The example as a pair, which it must be."""
        assert isinstance(self.example, PreferencePair)
        return self.example


@dataclass
class Conversations:
    """The conversations of a dataset, and what was changed or left out on the way."""

    data: AlignDataset
    changed: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    def __iter__(self) -> Iterator[Conversation]:
        """One after another; the counts are complete at the end."""
        for example in self.data.examples():
            conversation = self._conversation(example)
            if conversation is not None:
                yield conversation

    def _conversation(self, example: Example) -> Conversation | None:
        joined = joined_turns(example.prompt)
        prompt = tuple(Turn(turn.role, text_first(turn.blocks)) for turn in joined)
        if any(_is_missing(turn) for turn in prompt):
            self.left_out["a picture is missing"] += 1
            return None
        if len(joined) != len(example.prompt):
            self.changed["neighbouring turns of one role joined"] += 1
        elif prompt != example.prompt:
            self.changed["text put before the picture, as our tasks send it"] += 1
        return Conversation(prompt, example)


def text_with_placeholders(turn: Turn) -> str:
    """A turn as one text, a PLACEHOLDER for every picture."""
    return "".join(block.text if isinstance(block, TextBlock) else PLACEHOLDER for block in turn.blocks)


def has_placeholder(conversation: Conversation) -> bool:
    """Whether a text has a PLACEHOLDER of its own, which a trainer would take for a picture."""
    texts = [turn.text for turn in conversation.prompt] + list(conversation.example.answers)
    return any(PLACEHOLDER in text for text in texts)


def _is_missing(turn: Turn) -> bool:
    return any(isinstance(block, ImageBlock) and block.sha256 is None for block in turn.blocks)
