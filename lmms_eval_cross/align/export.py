"""`align export`: a dataset in the format of a trainer or of a hosted service, with a page that says what it is."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from lmms_eval_cross.align.check import require_checked
from lmms_eval_cross.align.conversation import Conversations
from lmms_eval_cross.align.dataset import AlignDataset, whole_folder
from lmms_eval_cross.align.examples import Kind
from lmms_eval_cross.align.export_hosted import HOSTED, write_hosted
from lmms_eval_cross.align.export_local import (
    write_axolotl,
    write_internvl,
    write_llamafactory,
    write_ms_swift,
    write_trl,
)
from lmms_eval_cross.errors import AlignError
from lmms_eval_cross.files import unwritable_told

Write = Callable[[Conversations, Path], int]
"""Writes into a folder that is there, and gives back how many examples it wrote."""
DISCLAIMER: Final = "DISCLAIMER.md"


@dataclass(frozen=True, slots=True)
class Format:
    """A format that data can be exported to."""

    write: Write
    kinds: tuple[Kind, ...] = ("sft", "dpo")


FORMATS: Final[dict[str, Format]] = {
    "trl": Format(write_trl),
    "llamafactory": Format(write_llamafactory),
    "ms-swift": Format(write_ms_swift),
    "axolotl": Format(write_axolotl, ("sft",)),
    "internvl": Format(write_internvl, ("dpo",)),
    **{name: Format(partial(write_hosted, to=service)) for name, service in HOSTED.items()},
}


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote and what it did not."""

    folder: Path
    examples: int
    changed: Counter[str]
    left_out: Counter[str]


def export_dataset(
    data: AlignDataset, to: str, folder: Path, allow_leaks: bool = False, allow_unverified: bool = False
) -> Exported:
    """Write `folder` in the format `to`, whole or not at all.

    Raises:
        AlignError: the data are not clean and the user didn't allow it, the format has no such data, or none are left.
    """
    require_checked(data, allow_leaks, allow_unverified)
    if data.manifest.kind not in FORMATS[to].kinds:
        raise AlignError(f"{to} takes {FORMATS[to].kinds[0]} data and {data.folder} holds {data.manifest.kind}.")
    conversations = Conversations(data)
    with whole_folder(folder) as building, unwritable_told(folder):
        written = FORMATS[to].write(conversations, building)
        if not written:
            reasons = ", ".join(f"{reason} ({count})" for reason, count in conversations.left_out.items())
            raise AlignError(f"nothing of {data.folder} can be exported to {to}: {reasons or 'it is empty'}.")
        (building / DISCLAIMER).write_text(disclaimer(data), encoding="utf-8")
    return Exported(folder, written, conversations.changed, conversations.left_out)


def disclaimer(data: AlignDataset) -> str:
    """What whoever finds the exported files must know."""
    manifest = data.manifest
    lines = ["# What these files are", ""]
    if manifest.unsafe_rejected:
        lines += [
            "**Every rejected answer is unsafe on purpose.** It was made to breach a cultural norm, so that a model "
            "learns to avoid it. Don't train on it as an answer, don't show it to users, and don't publish this folder "
            "without this page.",
            "",
        ]
    lines += [
        f"Comparison with the CROSS benchmark: {manifest.leak_check}.",
        *(f"{note[0].upper()}{note[1:]}." for note in manifest.notes),
        "The pictures and texts keep the licences of their sources; some forbid commercial use.",
        f"Made from {manifest.examples} {manifest.kind} examples (examples.parquet: "
        f"{manifest.files['examples.parquet']}).",
    ]
    return "\n".join(lines) + "\n"


def export_text(exported: Exported) -> str:
    """What was written, changed and left out, for people."""
    lines = [f"{exported.folder}: {exported.examples} examples."]
    lines += [f"Changed: {what}: {count}" for what, count in exported.changed.items()]
    lines += [f"Left out: {why}: {count}" for why, count in exported.left_out.items()]
    return "\n".join(lines)
