"""What people see while the judge works: a bar on a terminal, a line every 30 seconds elsewhere."""

import sys
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final

from tqdm import tqdm

from lmms_eval_cross.benchmark.records import Usage
from lmms_eval_cross.judge.prices import Price
from lmms_eval_cross.say import say

LINE_SECONDS: Final = 30.0
SILENT_SECONDS: Final = 10.0
"""Without an outcome for longer than this, the silence is told beside a rate and a time left that no longer hold."""


@dataclass(slots=True)
class Tally:
    """What an engine has done so far; counted on its loop, read from any thread."""

    price: Price | None = None
    submitted: int = 0
    """Verdicts that were asked for."""
    judged: int = 0
    failed: int = 0
    in_flight: int = 0
    usage: Usage = field(default_factory=Usage)
    """Of the calls that this engine made."""

    @property
    def done(self) -> int:
        """Verdicts and failures."""
        return self.judged + self.failed

    @property
    def money(self) -> str:
        """Dollars so far, or tokens where the model has no price."""
        tokens = self.usage.prompt_tokens + self.usage.completion_tokens
        if self.price is None:
            return f"{tokens:,} tokens"
        return f"{tokens:,} tokens, ${self.price.usd(self.usage):.2f}"


class Progress:
    """Shows a tally while somebody waits."""

    def __init__(self, tally: Tally, shown: bool) -> None:
        self._tally = tally
        self._shown = shown
        self._start = (tally.done, time.monotonic())
        self._last = self._start
        """How many were done at the last change, and when that was."""
        self._line_at = time.monotonic() + LINE_SECONDS
        self._bar: Any = None

    def __enter__(self) -> "Progress":
        if self._shown and sys.stderr.isatty():
            self._bar = tqdm(total=self._tally.submitted, initial=self._tally.done, desc="Judging", unit="verdict")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self.update()
            self._bar.close()

    def update(self) -> None:
        """Show how things stand."""
        now = time.monotonic()
        if self._tally.done != self._last[0]:
            self._last = (self._tally.done, now)
        if self._bar is not None:
            self._bar.total = self._tally.submitted
            self._bar.n = self._tally.done
            self._bar.set_postfix_str(self._state(now), refresh=True)
        elif self._shown and now >= self._line_at:
            self._line_at += LINE_SECONDS
            say(self.line(now), err=True)

    def line(self, now: float) -> str:
        """The state in a line: done, failed, in flight, rate, tokens, money, time left."""
        done, start = self._start
        rate = (self._tally.done - done) / max(now - start, 1e-9)
        time_left = ""
        if rate:
            seconds_left = (self._tally.submitted - self._tally.done) / rate
            time_left = f", {_duration(seconds_left)} left"
        return f"Judging: {self._tally.done}/{self._tally.submitted}, {self._state(now)}, {rate:.1f}/s{time_left}"

    def _state(self, now: float) -> str:
        state = f"{self._tally.failed} failed, {self._tally.in_flight} in flight, {self._tally.money}"
        silent = now - self._last[1]
        if self._tally.done == self._last[0] and silent >= SILENT_SECONDS:
            state += f", nothing for {_duration(silent)}"
        return state


def _duration(seconds: float) -> str:
    """`45 s`, `3 min`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"
