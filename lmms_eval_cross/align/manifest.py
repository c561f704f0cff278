"""What a dataset folder says of itself: counts, hashes, sources, and how its leak check ended."""

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Final, Literal, TypeAlias

from pydantic import TypeAdapter

from lmms_eval_cross import __version__
from lmms_eval_cross.align.examples import Kind
from lmms_eval_cross.outside import parse_json

FORMAT: Final = "cross-align/1"
LeakState: TypeAlias = Literal["unchecked", "clean", "leaked", "unverified"]
"""`unverified`: something could not be compared, such as a missing picture; it may be clean or not."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that examples were made from."""

    name: str
    """No path of a machine."""
    sha256: str | None
    records: int


@dataclass(frozen=True, slots=True)
class LeakCheck:
    """How the comparison with the benchmark ended."""

    state: LeakState = "unchecked"
    date: str | None = None
    """UTC, ISO 8601."""
    benchmark: str | None = None
    """The data hash of the prepared benchmark; None: there was none to compare with."""
    demo: str | None = None
    """The data hash of `cross_demo`, which is always compared with."""
    numbers: dict[str, int] = field(default_factory=dict)
    """What was found, such as `text_leaks`, `image_leaks`, `missing_images`."""

    def __str__(self) -> str:
        """One line for people."""
        counts = ", ".join(f"{name} {count}" for name, count in self.numbers.items())
        return self.state + (f" on {self.date} ({counts})" if self.date else "")


@dataclass(frozen=True, slots=True)
class DatasetManifest:
    """`manifest.json`; written last, so that a folder with it is whole."""

    kind: Kind
    examples: int
    images: int
    """Distinct pictures that are stored."""
    missing_images: int
    """Pictures that examples name and nobody has, counted each time."""
    files: dict[str, str]
    """Name -> SHA-256."""
    sources: tuple[SourceFile, ...] = ()
    notes: tuple[str, ...] = ()
    """What everything made from these data must say, such as how they were repaired."""
    leak_check: LeakCheck = LeakCheck()
    dropped: dict[str, int] = field(default_factory=dict)
    """What `align build` made or met and left out: reason -> count."""
    written_by: str = __version__

    @property
    def unsafe_rejected(self) -> bool:
        """Whether the data hold answers that are unsafe on purpose."""
        return self.kind == "dpo"

    def with_leak_check(self, leak_check: LeakCheck) -> "DatasetManifest":
        """The same data, checked."""
        return replace(self, leak_check=leak_check)

    def to_json(self) -> str:
        """The manifest as it is written."""
        content = {"format": FORMAT, "unsafe_rejected": self.unsafe_rejected, **asdict(self)}
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "DatasetManifest":
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is something else.
        """
        content = parse_json(text)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ValueError("another format")
        return TypeAdapter(cls).validate_python(content)
