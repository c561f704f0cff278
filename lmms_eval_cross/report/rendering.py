"""Templates: autoescaped, a missing field is an error, and numbers are formatted in one place."""

import re
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from lmms_eval_cross.report import numbers
from lmms_eval_cross.report.corrected_scores import in_percent
from lmms_eval_cross.report.differences import Difference
from lmms_eval_cross.report.paper import REFERENCES, SOURCE
from lmms_eval_cross.report.scores import MEASURES, SLICES, Score, measure_title
from lmms_eval_cross.stats import Corrected, Interval

_MARKDOWN: Final = re.compile(r"[\\`*<>|&~$@]|(?<!\w)_|_(?!\w)|\](?=[(\[:])")
FILTERS: Final = ("percent", "points", "coverage", "count", "share")
LABELS_NOTE: Final = (
    'The judge rate is what the judge gives. Intervals are for the rate over norms like these; those after "run" '
    "are for what people would say of the run's own answers. Where PPI++ is missing the labels are of "
    "other answers, and the judge is taken to err here as often as there. Differences and verdicts are of judge rates."
)


def html_environment() -> Environment:
    """For the page."""
    return _environment(autoescape=True)


def markdown_environment() -> Environment:
    """For Markdown: `| md` makes any text harmless there."""
    environment = _environment(autoescape=False)
    environment.filters["md"] = markdown_text
    return environment


def _environment(autoescape: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("lmms_eval_cross.report"),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {name: getattr(numbers, name) for name in FILTERS}
    environment.filters |= {
        "score": score_text,
        "corrected": corrected_text,
        "in_percent": in_percent,
        "difference": difference_text,
        "capitalize_first": capitalize_first,
        "measure_title": measure_title,
    }
    environment.globals |= {
        "plural": numbers.plural,
        "interval": numbers.interval,
        "measures": MEASURES,
        "slice_kinds": SLICES,
        "references": REFERENCES,
        "labels_note": LABELS_NOTE,
        "reference_source": SOURCE,
    }
    return environment


def score_text(score: Score) -> str:
    """`61.8 [55.2, 68.0]`."""
    return numbers.score(score.mean, score.low, score.high)


def corrected_text(estimate: Interval | Corrected) -> str:
    """`61.8 [55.2, 68.0], run [59.1, 64.4]`."""
    shown = in_percent(estimate)
    text = numbers.score(shown["mean"], shown["low"], shown["high"])
    run = numbers.interval(shown.get("run_low"), shown.get("run_high"))
    return f"{text}, run {run}" if run else text


def capitalize_first(text: str) -> str:
    """`text` as a sentence begins; the rest keeps its case, unlike with Jinja's `capitalize`."""
    return text[:1].upper() + text[1:]


def difference_text(difference: Difference) -> str:
    """`+6.1 [2.0, 10.2]`."""
    shown = numbers.points(difference.points), numbers.interval(difference.low, difference.high)
    return " ".join(part for part in shown if part)


def markdown_text(text: Any) -> str:
    """`text` on one line, as itself: no markup, no HTML, no new table cell."""
    return _MARKDOWN.sub(lambda found: f"&#{ord(found[0])};", " ".join(str(text).split()))
