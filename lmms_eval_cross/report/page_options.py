"""What a page shows; apart from the page, whose templates and charts other outputs do without."""

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class PageOptions:
    """What is left out for readers who should not see it."""

    samples: bool = True
    """Queries, answers, norms and the judge's words."""
    images: bool = True
    version: str = ""
    """Of the runs that `view` serves, whose page follows them; empty on a page of a file."""
    troubles: Sequence[str] = ()
    """Why runs that `view` was given are not shown."""

    def live(self, version: str, troubles: Sequence[str]) -> "PageOptions":
        """The same for a page that follows its runs."""
        return replace(self, version=version, troubles=troubles)
