"""What an endpoint says of its quota: `x-ratelimit-*` and Retry-After."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Final

# The units that OpenAI writes in `x-ratelimit-reset-*`, such as `6m0s` or `120ms`.
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


@dataclass(frozen=True, slots=True)
class Quota:
    """One quota, of requests or of tokens, as a response tells it."""

    limit: float | None
    """What is left when the quota is full."""
    remaining: float
    reset_seconds: float
    """Until it is full again."""


@dataclass(frozen=True, slots=True)
class Limits:
    """All that a response tells of quotas."""

    requests: Quota | None = None
    tokens: Quota | None = None
    retry_after: float | None = None
    """Seconds."""


NOTHING_TOLD: Final = Limits()


def read_limits(headers: Mapping[str, str]) -> Limits:
    """The limits in a response's headers; what is absent or unreadable is None."""
    return Limits(_quota(headers, "requests"), _quota(headers, "tokens"), _retry_after(headers))


def read_seconds(text: str) -> float | None:
    """Seconds in `1m30s`, `6ms` or a bare `12`; None for anything else."""
    text = text.strip()
    if not text or _DURATION.sub("", text):
        return _number(text)
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))


def _quota(headers: Mapping[str, str], of: str) -> Quota | None:
    remaining = _number(headers.get(f"x-ratelimit-remaining-{of}"))
    reset = read_seconds(headers.get(f"x-ratelimit-reset-{of}", ""))
    if remaining is None or reset is None:
        return None
    return Quota(_number(headers.get(f"x-ratelimit-limit-{of}")), remaining, reset)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after", "")
    seconds = _number(text)
    if seconds is not None or not text:
        return seconds
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(timezone.utc)).total_seconds())
    except (TypeError, ValueError):
        return None


def _number(text: str | None) -> float | None:
    """A finite number that is not negative."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    if 0 <= value < float("inf"):
        return value
    return None
