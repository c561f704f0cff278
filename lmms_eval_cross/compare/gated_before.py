"""What `gate` decided of two runs before they were judged to the end, to stand beside what `compare` decides."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from lmms_eval_cross.compare.look_plan import order_of
from lmms_eval_cross.compare.rounds import Side
from lmms_eval_cross.errors import RunError
from lmms_eval_cross.outside import parse_json, read_text
from lmms_eval_cross.stats import Decision


@dataclass(frozen=True, slots=True)
class GatedBefore:
    """A recorded decision."""

    decision: Decision
    exit_code: int
    norms: int
    """That were judged."""
    all_norms: int


def load_gated(path: Path, baseline: Side, candidate: Side) -> GatedBefore:
    """The decision in the JSON that `gate --json` wrote of the same runs.

    Raises:
        RunError: the file can't be read, is none of `gate`, or is of other runs.
    """
    # its types take a twentieth of a comparison to make, and few give such a file
    from lmms_eval_cross.compare.gate_document import CompareDocument

    try:
        found = CompareDocument.model_validate(parse_json(read_text(path)))
    except OSError as error:
        raise RunError(f"{path} can't be read ({error.strerror}); check the path.") from None
    except (ValidationError, ValueError):
        raise RunError(f"{path.name} is no decision; give the file that `lmms-eval-cross gate --json` wrote.") from None
    looks = found.looks
    if looks is None or not looks.taken:
        raise RunError(f"{path.name} has no looks; give the file that `lmms-eval-cross gate --json` wrote.")
    if looks.order != order_of(baseline, candidate):
        raise RunError(f"{path.name} is of other runs or other data; give the one that `gate` wrote of these.")
    return GatedBefore(found.decision, found.exit_code, looks.taken[-1].norms, looks.norms)
