"""Which side lacks so many verdicts that nothing is decided."""

from collections.abc import Iterator, Mapping, Sequence

from lmms_eval_cross.benchmark.records import Dimension
from lmms_eval_cross.compare.pairs import PairedScores


def low_coverage(pairs: PairedScores, gated: Sequence[Dimension], needed: float) -> Iterator[str]:
    """A sentence for every side that lacks verdicts on gated dimensions; `needed` is percent."""
    for place, side in enumerate(("baseline", "candidate")):
        low: dict[str, float] = {}
        for name in gated:
            percent = pairs.coverage(name)[place]
            if percent < needed:
                low[name] = percent
        if low:
            yield _sentence(side, low, needed)


def _sentence(side: str, low: Mapping[str, float], needed: float) -> str:
    (first, percent), *others = low.items()
    more = ", ".join(f"{name} {share:.1f}%" for name, share in others)
    if more:
        more = f" ({more})"
    return (
        f"The {side} has only {percent:.1f}% of its {first} verdicts, and {needed:g}% are needed{more}; judge what is "
        "missing."
    )
