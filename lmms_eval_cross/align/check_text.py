"""The outcome of `align check` for people."""

from collections.abc import Iterator
from typing import Final

from lmms_eval_cross.align.check import SHOWN, CheckReport
from lmms_eval_cross.align.within import UNKNOWN
from lmms_eval_cross.errors import listing

_MOST_NAMES: Final = 12


def check_text(report: CheckReport) -> str:
    """Leaks first, then what could not be compared, then what else should be known."""
    return "\n".join([*_leak_lines(report), *_gap_lines(report), "", *_within_lines(report), "", _verdict(report)])


def _leak_lines(report: CheckReport) -> Iterator[str]:
    if not report.leaks:
        yield f"No text and no picture of the benchmark in {report.examples} examples."
        return
    yield f"{len(report.leaked_examples)} of {report.examples} examples hold parts of the benchmark:"
    yield f"  {'Example':<45}{'Of sample':<36}{'What':<16}How"
    for leak in report.leaks[:SHOWN]:
        yield f"  {leak.place[-44:]:<45}{leak.sample_id:<36}{leak.what:<16}{leak.how}"
    if len(report.leaks) > SHOWN:
        yield f"  and {len(report.leaks) - SHOWN} more; --json FILE has all"


def _gap_lines(report: CheckReport) -> Iterator[str]:
    for gap in report.gaps:
        yield f"Not verified: {gap}."


def _within_lines(report: CheckReport) -> Iterator[str]:
    within = report.within
    yield f"Countries: {_shares(within.countries, report.examples)}"
    yield f"Languages: {_shares(within.languages, report.examples)}"
    if within.non_commercial:
        licences = ", ".join(f"{name} ({count})" for name, count in within.non_commercial.most_common())
        yield f"Licences that forbid commercial use: {licences}"
    if within.without_licence:
        yield f"Without a licence: {within.without_licence}"
    if within.false_exclusive:
        places = listing(within.false_exclusive, 3)
        yield f"Called exclusive, yet speaking of a benchmark country: {len(within.false_exclusive)} ({places})"
    if within.contradicted:
        yield f"Contradicted by their verdicts: {len(within.contradicted)} ({listing(within.contradicted, 3)})"
    yield f"Repeated exactly: {within.repeated}; nearly: {_near(report)}"


def _near(report: CheckReport) -> str:
    within = report.within
    pairs = [f"{place} of {earlier}" for place, earlier in within.near]
    where = "" if within.near_looked_for == report.examples else f" among the first {within.near_looked_for}"
    return f"{len(pairs)}{where}" + (f" ({listing(pairs, 3)})" if pairs else "")


def _shares(counts: dict[str, int], total: int) -> str:
    named = sorted(counts.items(), key=lambda item: (item[0] == UNKNOWN, -item[1]))
    return listing([f"{name} {count / total:.0%}" for name, count in named], _MOST_NAMES)


def _verdict(report: CheckReport) -> str:
    sentences = {
        "clean": "Clean.",
        "leaked": "Leaked: a model trained on these data can't be measured by this benchmark.",
        "unverified": "Unverified: what could be compared is clean, the rest is not known.",
        "unchecked": "Unchecked.",
    }
    return sentences[report.state]
