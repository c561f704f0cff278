"""What results are sliced by: the facets that every sample has, and further ones that a user gives to some."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from lmms_eval_cross.benchmark.records import FACETS


class Sliced(Protocol):
    """A sample, or what a baseline file keeps of one."""

    @property
    def sample_id(self) -> str:
        """Readable and unique."""

    @property
    def setting(self) -> str:
        """`english` or `multilingual`."""


@dataclass(frozen=True, slots=True)
class Facets:
    """The facets in force."""

    further: tuple[str, ...] = ()
    """Names of those that a user gave, in the order of the file."""
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Sample id -> further facet -> value; a sample may lack some, or all."""

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, the samples' own first."""
        return (*FACETS, *self.further)

    def value(self, sample: Sliced, name: str) -> str | None:
        """The slice of a facet that a sample is in; None where it is in none.

        By wording the English samples alone are sliced: every translation is of the first wording, so that wording 1
        would be compared with 2 and 3 in other languages.
        """
        if name in self.further:
            return self.values.get(sample.sample_id, {}).get(name)
        if name == "wording" and sample.setting != "english":
            return None
        return str(getattr(sample, name))


OWN_FACETS: Final = Facets()
"""Those that every sample has, and no other."""
