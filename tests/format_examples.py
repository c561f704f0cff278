"""The examples that each foreign tool's own reader was given; `make formats` and the tests write the same."""

import re
from pathlib import Path

from lmms_eval_cross.align.dataset import AlignDataset, write_dataset
from lmms_eval_cross.align.examples import Example, Kind, PreferencePair, TextBlock, Turn
from lmms_eval_cross.align.manifest import LeakCheck
from tests.align_data import make_example, make_image, make_origin, make_pair, make_prompt

READ = {"llamafactory": ("sft", "dpo"), "ms-swift": ("sft", "dpo"), "axolotl": ("sft",), "together": ("sft", "dpo")}
"""Tool -> the kinds of data that its reader is tried on."""
IMAGE = make_image(1)
CLEAN = LeakCheck("clean", "2026-11-28", "ab", "cd")


def format_examples(kind: Kind) -> list[Example]:
    """Ten, the least that OpenAI takes, of one turn each, and one with an earlier turn; the first shows a picture."""
    if kind == "sft":
        singles: list[Example] = [make_example(0, IMAGE), *map(make_example, range(1, 10))]
        talk = make_example(10)
    else:
        singles = [make_pair(0, IMAGE, "picture"), *map(make_pair, range(1, 10))]
        talk = make_pair(10)
    earlier = (*make_prompt("Good day."), Turn("assistant", (TextBlock("Good day to you."),)))
    return [*singles, _after(earlier, talk)]


def _after(earlier: tuple[Turn, ...], example: Example) -> Example:
    prompt = (*earlier, *example.prompt)
    if isinstance(example, PreferencePair):
        return PreferencePair(prompt, example.chosen, example.rejected, example.contrast, make_origin(10))
    return type(example)(prompt, example.completion, make_origin(10))


def write_format_examples(folder: Path, kind: Kind) -> AlignDataset:
    """The dataset of a kind in a new folder, as if checked."""
    return write_dataset(folder, kind, format_examples(kind), [IMAGE]).mark(CLEAN)


def exported_lines(folder: Path) -> list[str]:
    """The lines of an export; what differs with the version of Pillow is left out."""
    (file,) = folder.glob("*.jsonl")
    text = re.sub(r"(?<=images/)[0-9a-f]{32}|(?<=base64,)[A-Za-z0-9+/=]+", "PICTURE", file.read_text(encoding="utf-8"))
    return text.splitlines()
