"""A batch for people to label: what they get, and the frozen batch behind it."""

from collections.abc import Mapping
from pathlib import Path

from lmms_eval_cross.files import write_text
from lmms_eval_cross.trust.anchor import Anchor, draw
from lmms_eval_cross.trust.anchor_samples import samples_of
from lmms_eval_cross.trust.label_pages import FOUR_QUESTIONS, Asking, make_sheets, to_label


def export_batch(source: Anchor, n: int, seed: int, folder: Path, asking: Asking = FOUR_QUESTIONS) -> Anchor:
    """Draw a batch and write `batch.json`, `batch.csv` and `label.html`; none of them shows a verdict to people.

    `batch.json` has the verdicts and no text. The others hold text of CROSS, the pages images too: keep them
    to yourselves. Their order is random, so that whoever stops early has labelled a random part.

    Raises:
        CrossError: texts or images are not among the prepared data.
    """
    batch = draw(source, n, seed)
    entries = to_label(batch.items, samples_of(batch), list(batch.positions))
    sheets = make_sheets(batch.batch_id, entries, seed, asking)
    batch.without_text().write(folder / "batch.json")
    write_sheets(folder, sheets)
    return batch


def write_sheets(folder: Path, sheets: Mapping[str, str]) -> None:
    """Write spreadsheets and pages, by file name."""
    for name, text in sheets.items():
        write_text(folder / name, text)
