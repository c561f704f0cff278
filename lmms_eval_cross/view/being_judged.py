"""How far the judging of a run has come that has not landed yet: partial means, calls, failures, dollars, ETA."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

from lmms_eval_cross import numbers
from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension, FailureReason, Usage, Verdict
from lmms_eval_cross.judge.prices import PriceList, load_prices
from lmms_eval_cross.ledger.going_on import recent_runs, verdicts_on
from lmms_eval_cross.ledger.hosts import ledger_address
from lmms_eval_cross.ledger.opening import open_to_read
from lmms_eval_cross.ledger.rows import Row, read_outcome
from lmms_eval_cross.runs.failed_generations import failed_generation
from lmms_eval_cross.runs.scorecard import Scorecard
from lmms_eval_cross.settings import Settings

RECENT: Final = timedelta(hours=12)
"""A run whose last answer is older is no longer waited for."""
PACE: Final = timedelta(seconds=60)
"""The time over which the pace is taken."""
STAYS: Final = timedelta(seconds=60)
"""How long a run that lacks nothing any more is shown."""


@dataclass(frozen=True, slots=True)
class BeingJudged:
    """A run that is being judged."""

    title: str
    """Splits, judge, and when it began."""
    cards: Mapping[Dimension, Scorecard]
    """Of the outcomes that are there."""
    wanted: int
    """Verdicts, of the answers that came."""
    calls: int
    """Made since the first answer came; older verdicts cost nothing."""
    usd: float | None
    """List price of these calls; None where the judge has no price."""
    a_minute: int
    """Outcomes that came in the last minute."""
    changed: datetime

    @property
    def there(self) -> int:
        """Verdicts and failures."""
        return sum(card.n for card in self.cards.values())

    @property
    def missing(self) -> int:
        """Verdicts that the judge still owes."""
        return max(0, self.wanted - self.there)

    @property
    def seconds_left(self) -> float | None:
        """At the pace of the last minute; None where nothing came."""
        return 60 * self.missing / self.a_minute if self.a_minute else None


def judging_now(settings: Settings, now: datetime) -> list[BeingJudged]:
    """The runs in the ledger that are being judged, the earliest first.

    Raises:
        LedgerError: the ledger can't be read.
    """
    address, _ = ledger_address(settings)
    if isinstance(address, Path) and not address.is_file():
        return []
    prices = load_prices(settings.judge_prices)
    with open_to_read(address) as ledger:
        runs = recent_runs(ledger, _written(now - RECENT))
        going_on = [_progress(rows, list(verdicts_on(ledger, run, rows)), prices, now) for run, rows in runs.items()]
    shown = [one for one in going_on if one.missing or now - one.changed < STAYS]
    return sorted(shown, key=lambda one: one.title)


def _progress(answers: Sequence[Row], verdicts: Sequence[Row], prices: PriceList, now: datetime) -> BeingJudged:
    began = min(row["created_at"] for row in answers)
    judged = [row for row in answers if failed_generation(row["response"]) is None]
    fresh = [row for row in verdicts if row["created_at"] >= began]
    lately = [row for row in fresh if row["created_at"] >= _written(now - PACE)]
    records = [json.loads(row["record"]) for row in answers]
    return BeingJudged(
        title=_title(records, began),
        cards=_cards(verdicts),
        wanted=len(judged) * len(DIMENSIONS),
        calls=len(fresh),
        usd=_usd(fresh, records[0]["provenance"]["judge_model"], prices),
        a_minute=len(lately),
        changed=datetime.fromisoformat(max(row["created_at"] for row in [*answers, *verdicts])),
    )


def _written(moment: datetime) -> str:
    """As the ledger writes it."""
    return moment.astimezone(timezone.utc).isoformat(timespec="seconds")


def _title(records: Sequence[Mapping[str, Any]], began: str) -> str:
    splits = sorted({f"{record['subset']}/{record['setting']}" for record in records})
    judge = records[0]["provenance"]["judge_id"]
    return f"{', '.join(splits)}, judged by {judge}, begun {began[:16].replace('T', ' ')}Z"


def _cards(verdicts: Sequence[Row]) -> dict[Dimension, Scorecard]:
    return {name: _card(name, [row for row in verdicts if row["dimension"] == name]) for name in DIMENSIONS}


def _card(dimension: Dimension, verdicts: Sequence[Row]) -> Scorecard:
    points = scored = 0
    failed: Counter[FailureReason] = Counter()
    for outcome in map(read_outcome, verdicts):
        if isinstance(outcome, Verdict):
            scored, points = scored + 1, points + outcome.score
        else:
            failed[outcome.reason] += 1
    return Scorecard(dimension, points, scored, dict(failed))


def _usd(verdicts: Sequence[Row], judge_model: str, prices: PriceList) -> float | None:
    total = Usage()
    for outcome in map(read_outcome, verdicts):
        total += outcome.usage
    return prices.usd({judge_model: total})


def describe(progress: BeingJudged) -> list[str]:
    """What people read of it: how far, how good so far, and what is left."""
    failures = sum(sum(card.failed.values()) for card in progress.cards.values())
    far = f"{numbers.count(progress.there)} of {numbers.plural(progress.wanted, 'verdict')}"
    means = ", ".join(f"{name} {numbers.percent(card.mean)}" for name, card in progress.cards.items())
    so_far = f"So far {means}: no result, for what is judged first is no random part."
    how_far = f"{far}, {numbers.plural(failures, 'failure')}; {_calls(progress)}. {_left(progress)}"
    return [how_far, so_far if progress.missing else f"All of it: {means}."]


def _calls(progress: BeingJudged) -> str:
    spent = "no price known" if progress.usd is None else f"{numbers.dollars(progress.usd)} at list prices"
    return f"{numbers.plural(progress.calls, 'call')}, {spent}"


def _left(progress: BeingJudged) -> str:
    if not progress.missing:
        return "Nothing is missing."
    seconds = progress.seconds_left
    if seconds is None:
        return f"Nothing came in the last minute; the last at {progress.changed:%H:%M}Z."
    return f"{numbers.plural(max(1, round(seconds / 60)), 'minute')} left at the pace of the last one."
