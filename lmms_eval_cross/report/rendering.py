"""Templates: autoescaped, a missing field is an error, and numbers are formatted in one place."""

from collections.abc import Callable
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from lmms_eval_cross import numbers
from lmms_eval_cross.report.browser import packed
from lmms_eval_cross.report.corrected_scores import CorrectedEstimate, RateEstimate
from lmms_eval_cross.report.country_rates import CountryRate, order_sentence
from lmms_eval_cross.report.differences import Difference
from lmms_eval_cross.report.leaderboard import best_sentence
from lmms_eval_cross.report.paper import REFERENCES, SOURCE
from lmms_eval_cross.report.scores import MEASURES, MeanScore, measure_title
from lmms_eval_cross.stats.panel_agreement import PanelAgreement
from lmms_eval_cross.text import drawable, markdown

LABELS_NOTE: Final = (
    "The judge rate is what the judge gives. Two-sided 95% intervals are for the rate over norms like these; those "
    'after "run" are for what people would say of the run\'s own answers. Where PPI++ is missing the labels are of '
    "other answers, and the judge is taken to err here as often as there: where its errors sit on borderline answers "
    "that is off by points, and labels of the run's own answers are not. Differences and verdicts are of judge rates."
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
        finalize=_clean,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= _filters()
    environment.globals |= {
        "plural": numbers.plural,
        "interval": numbers.interval,
        "nothing": numbers.NOTHING,
        "measures": MEASURES,
        "order_sentence": order_sentence,
        "best_sentence": best_sentence,
        "references": REFERENCES,
        "labels_note": LABELS_NOTE,
        "reference_source": SOURCE,
    }
    return environment


def _clean(value: Any) -> Any:
    """What is put into a template, without characters that no page may hold; what is marked up already stays so."""
    return type(value)(drawable(value)) if isinstance(value, str) else value


def _filters() -> dict[str, Callable[..., str]]:
    return {
        "percent": numbers.percent,
        "points": numbers.points,
        "coverage": numbers.coverage,
        "count": numbers.count,
        "dollars": numbers.dollars,
        "share": numbers.share,
        "share_interval": numbers.share_interval,
        "short": numbers.short,
        "score": score_text,
        "panel": panel_text,
        "rate": rate_text,
        "corrected": corrected_text,
        "difference": difference_text,
        "capitalize_first": capitalize_first,
        "measure_title": measure_title,
        "packed": packed,
    }


def score_text(score: MeanScore | RateEstimate) -> str:
    """`61.8 [55.2, 68.0]`; of a panel `61.8 [55.2, 68.0], agreement 93.3 [90.1, 95.2]`."""
    text = numbers.with_interval(numbers.percent(score.mean), score.low, score.high)
    if isinstance(score, MeanScore) and score.panel:
        text += f", agreement {panel_text(score.panel)}"
    return text


def panel_text(panel: PanelAgreement) -> str:
    """`93.3 [90.1, 95.2]`."""
    return numbers.with_interval(numbers.percent(panel.agreement), panel.low, panel.high)


def rate_text(rate: CountryRate) -> str:
    """`61.8 [55.2, 68.0]`, drawn toward all countries."""
    return numbers.with_interval(numbers.percent(rate.shrunk), rate.low, rate.high)


def corrected_text(corrected: CorrectedEstimate) -> str:
    """`61.8 [55.2, 68.0], run [59.1, 64.4]`."""
    run = numbers.interval(corrected.run_low, corrected.run_high)
    return f"{score_text(corrected)}, run {run}" if run else score_text(corrected)


def capitalize_first(text: str) -> str:
    """`text` as a sentence begins; the rest keeps its case, unlike with Jinja's `capitalize`."""
    return text[:1].upper() + text[1:]


def difference_text(difference: Difference) -> str:
    """`+6.1 [2.0, 10.2]`."""
    return numbers.with_interval(numbers.points(difference.points), difference.low, difference.high)


def markdown_text(text: Any) -> str:
    """`text` on one line, as itself: no markup, no HTML, no new table cell, no mention, no address."""
    return markdown(str(text))
