"""Which of the benchmark's countries a text speaks of. Names and people alone: a dish or a city is not seen."""

import re
from typing import Final

from lmms_eval_cross.benchmark.release import COUNTRIES

_PEOPLE: Final = {
    "Argentina": "Argentin(?:ian|e)s?",
    "Brazil": "Brazilians?",
    "China": "Chinese",
    "Egypt": "Egyptians?",
    "Ethiopia": "Ethiopians?",
    "France": "French",
    "India": "Indians?",
    "Indonesia": "Indonesians?|Javanese|Balinese",
    "Iran": "Iranians?|Persians?",
    "Japan": "Japanese",
    "Mexico": "Mexicans?",
    "Morocco": "Moroccans?",
    "Nigeria": "Nigerians?",
    "Russia": "Russians?",
    "Saudi Arabia": "Saudis?",
    "Thailand": "Thais?",
}
_PATTERN: Final = re.compile(
    "|".join(rf"\b(?P<c{number}>{name}|{_PEOPLE[name]})\b" for number, name in enumerate(sorted(COUNTRIES)))
)
_NAMES: Final = sorted(COUNTRIES)


def benchmark_countries(text: str) -> set[str]:
    """The benchmark's countries whose name or people `text` mentions, in English."""
    return {_NAMES[int(str(match.lastgroup)[1:])] for match in _PATTERN.finditer(text)}
