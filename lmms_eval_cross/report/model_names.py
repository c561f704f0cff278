"""Names from outside, made fit to stand in a sentence."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lmms_eval_cross.runs.model_under_test import model_under_test, without_folders

LONGEST: Final = 60
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Control and formatting characters, the bidirectional ones among them."""


def clean_label(name: str) -> str:
    """`name` on one line, without characters that hide or turn what stands beside them, and not too long."""
    visible = "".join(map(_visible, name)).strip()
    if len(visible) > LONGEST:
        visible = visible[: LONGEST - 1] + "…"
    return visible or "unnamed"


def _visible(letter: str) -> str:
    return "\ufffd" if unicodedata.category(letter) in _UNSEEN else letter


def unique_labels(names: Sequence[str]) -> list[str]:
    """A label for each name, no two alike; the second `runs` is `runs (2)`."""
    labels: list[str] = []
    for name in map(clean_label, names):
        label, number = name, 1
        while label in labels:
            number += 1
            label = f"{name} ({number})"
        labels.append(label)
    return labels


def model_name(results: Mapping[str, Any]) -> str:
    """The model under test: its class in lmms-eval, and the checkpoint without the folders above it.

    lmms-eval writes the checkpoint of some classes alone; of the others it is read from their arguments.
    """
    kind = str(results.get("model_source") or results.get("config", {}).get("model") or "")
    checkpoint = without_folders(str(results.get("model_name") or "").rstrip("/"))
    under_test = None if checkpoint else model_under_test(results)
    if under_test is not None:
        return clean_label(under_test.name)
    return clean_label(f"{kind} {checkpoint}".strip() or "not recorded")
