"""Facts of the release (github.com/haoyiq114/CROSS): its files, counts, countries and languages."""

from dataclasses import dataclass
from typing import Final

from lmms_eval_cross.benchmark.records import Setting, Subset

DEFAULT_SOURCE: Final = "https://raw.githubusercontent.com/haoyiq114/CROSS"
DEFAULT_REVISION: Final = "main"
JUDGE_FILE: Final = "code/evaluation.py"
WORDINGS: Final = 3

COUNTRIES: Final = frozenset(
    "Argentina,Brazil,China,Egypt,Ethiopia,France,India,Indonesia,Iran,Japan,Mexico,Morocco,Nigeria,Russia,"
    "Saudi Arabia,Thailand".split(",")
)
LANGUAGES: Final = frozenset(
    "Amharic,Arabic,English,French,Hausa,Hindi,Indonesian,Japanese,Mandarin,Persian,Portuguese,Russian,Spanish,Thai".split(
        ","
    )
)


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """One of the release's JSON files, and the split and task that are made of it."""

    subset: Subset
    setting: Setting
    records: int
    """How many records the release has there."""

    @property
    def name(self) -> str:
        """The name of the split: `casa_english`."""
        return f"{self.subset}_{self.setting}"

    @property
    def task(self) -> str:
        """The task that reads the split: `cross_casa`, `cross_casa_multilingual`."""
        if self.setting == "english":
            return f"cross_{self.subset}"
        return f"cross_{self.name}"

    @property
    def wordings(self) -> int:
        """How many times an item stands there, each time in other words."""
        if self.setting == "english":
            return WORDINGS
        return 1

    @property
    def path(self) -> str:
        """Where the file lies in the official layout."""
        return f"data/{self.subset}/{self.setting}.json"


FILES: Final = (
    ReleaseFile("casa", "english", 828),
    ReleaseFile("casa", "multilingual", 276),
    ReleaseFile("safeworld", "english", 135),
    ReleaseFile("safeworld", "multilingual", 45),
)
