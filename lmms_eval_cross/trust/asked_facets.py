"""Facets that annotators assign while they label, such as a domain: what is asked, and what they said."""

import csv
import io
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lmms_eval_cross.errors import LabelError, listing
from lmms_eval_cross.trust.facet_names import TAKEN
from lmms_eval_cross.trust.sheet import read_sheet

PREFIX: Final = "facet:"
"""Begins the names of the columns of annotators' files that hold facets."""


@dataclass(frozen=True, slots=True)
class AskedFacet:
    """A facet to assign."""

    name: str
    choices: tuple[str, ...]
    """Empty: any text."""

    @property
    def column(self) -> str:
        """Of the annotators' files."""
        return PREFIX + self.name


def parse_facet(text: str) -> AskedFacet:
    """What `domain` or `domain=shopping,meal planning` asks for.

    Raises:
        LabelError: the name is empty or taken, or there is one choice.
    """
    name, equals, values = (part.strip() for part in text.partition("="))
    choices = tuple(dict.fromkeys(filter(None, map(str.strip, values.split(",")))))
    if not name or name in TAKEN:
        raise LabelError(f"--facet {text!r} has a name that is empty or taken; give another, such as domain.")
    if equals and len(choices) < 2:
        raise LabelError(f"--facet {text!r} leaves no choice; give two values or more, or the name alone.")
    return AskedFacet(name, choices)


@dataclass(frozen=True, slots=True)
class Assigned:
    """What annotators assigned, by majority."""

    values: Mapping[str, Mapping[str, str]]
    """Item (`casa/Iran_27b`) -> facet -> value."""
    tied: Sequence[str]
    """`facet of item`, where no value has most votes."""

    @property
    def as_csv(self) -> str:
        """A file that `--facets` takes."""
        names = list(dict.fromkeys(name for values in self.values.values() for name in values))
        text = io.StringIO()
        writer = csv.DictWriter(text, ["item", *names], restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({"item": item, **values} for item, values in sorted(self.values.items()))
        return text.getvalue()

    @property
    def sentence(self) -> str:
        """For people."""
        said = f"{len(self.values)} items have a facet"
        return f"{said}; as many said one as another of {listing(list(self.tied), 3)}." if self.tied else f"{said}."


def read_assigned(batch: str, known: Collection[str], paths: Sequence[Path]) -> Assigned:
    """The facets in the annotators' files: of each item the value that most of them gave, over all its samples.

    Args:
        batch: the name that rows must have.
        known: the ids of its rows.
        paths: the files.

    Raises:
        LabelError: a file can't be read, or a row that assigns something is not of the batch.
    """
    votes: dict[tuple[str, str], Counter[str]] = {}
    for path in paths:
        names, rows = read_sheet(path)
        columns = [name for name in names if name.startswith(PREFIX)]
        for row in rows:
            for column in columns:
                value = (row[column] or "").strip()
                if value:
                    item = _item(path, batch, known, row)
                    votes.setdefault((item, column.removeprefix(PREFIX)), Counter())[value] += 1
    return _by_majority(votes)


def _item(path: Path, batch: str, known: Collection[str], row: Mapping[str, str]) -> str:
    sample_id = row.get("sample_id") or ""
    if row.get("batch") != batch or sample_id not in known:
        raise LabelError(f"{path.name}: {sample_id!r} is not in batch {batch}; give that batch's files as they were.")
    subset, _, item, _ = sample_id.split("/")
    return f"{subset}/{item}"


def _by_majority(votes: Mapping[tuple[str, str], Counter[str]]) -> Assigned:
    values: dict[str, dict[str, str]] = {}
    tied: list[str] = []
    for (item, name), counts in votes.items():
        (first, most), *others = counts.most_common(2)
        if others and others[0][1] == most:
            tied.append(f"{name} of {item}")
        else:
            values.setdefault(item, {})[name] = first
    return Assigned(values, sorted(tied))
