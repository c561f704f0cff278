"""What an endpoint says of its quota: `x-ratelimit-*`, Retry-After, and the wait that a refusal names in words."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Final

# The units that OpenAI writes in `x-ratelimit-reset-*`, such as `6m0s` or `120ms`.
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_LONGEST: Final = 86400.0
"""Seconds; what names a longer wait, such as a header of 400 digits, is cut to a day."""
_EPOCH: Final = 1e9
"""From here on a number is a moment, in seconds or milliseconds of the epoch, and no duration (of 31 years)."""
_LONGEST_NUMBER: Final = 40
_WAIT_IN_WORDS: Final = (
    # Google's RetryInfo, as JSON or as Python's text of it
    re.compile(r"""retryDelay["']?\s*[:=]\s*["']?(\d{1,9}(?:\.\d{1,9})?)\s*(ms|s)?""", re.IGNORECASE),
    re.compile(
        r"(?:retry|try again|again|wait)\s+(?:in|after|for)?\s*(\d{1,9}(?:\.\d{1,9})?)\s*"
        r"(ms|milliseconds?|s|sec|seconds?|m|min|minutes?)\b",
        re.IGNORECASE,
    ),
)


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


def read_limits(headers: Mapping[str, str], refusal: str = "") -> Limits:
    """The limits in a response's headers; what is absent or unreadable is None.

    Args:
        headers: of the response.
        refusal: the body of a refusal, which may name the wait that no header names.
    """
    retry_after = _retry_after(headers)
    if retry_after is None:
        retry_after = wait_in_words(refusal)
    return Limits(_quota(headers, "requests"), _quota(headers, "tokens"), retry_after)


def wait_in_words(refusal: str) -> float | None:
    """Seconds in `"retryDelay": "21s"`, `Please retry in 20.5s` or `try again in 350ms`; None without such words."""
    for pattern in _WAIT_IN_WORDS:
        match = pattern.search(refusal)
        if match:
            unit = (match[2] or "s").lower()
            return min(_LONGEST, float(match[1]) * _factor(unit))
    return None


def _factor(unit: str) -> float:
    """Seconds in a unit that is written out or shortened."""
    if unit.startswith(("ms", "milli")):
        return 0.001
    return 60.0 if unit.startswith("m") else 1.0


def read_seconds(text: str) -> float | None:
    """Seconds in `1m30s`, `6ms` or a bare `12`; None for anything else."""
    text = text.strip()
    if not text or len(text) > _LONGEST_NUMBER or _DURATION.sub("", text):
        return _number(text)
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))


def _quota(headers: Mapping[str, str], of: str) -> Quota | None:
    remaining = _number(headers.get(f"x-ratelimit-remaining-{of}"))
    reset = _seconds_until(headers.get(f"x-ratelimit-reset-{of}", ""))
    if remaining is None or reset is None:
        return None
    return Quota(_number(headers.get(f"x-ratelimit-limit-{of}")), remaining, reset)


def _seconds_until(text: str) -> float | None:
    """Seconds until a reset that is told as a duration, as a moment of the epoch, or as a date."""
    seconds = read_seconds(text)
    if seconds is None:
        return _until_date(text)
    if seconds >= _EPOCH * 1000:
        seconds /= 1000
    if seconds >= _EPOCH:
        seconds = max(0.0, seconds - time.time())
    return min(_LONGEST, seconds)


def _until_date(text: str) -> float | None:
    """Seconds until a date of ISO 8601 (a date without a zone is UTC) or of HTTP; None for anything else."""
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = parse(text.strip().replace("Z", "+00:00"))
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=timezone.utc)
            return min(_LONGEST, max(0.0, (moment - datetime.now(timezone.utc)).total_seconds()))
        except (TypeError, ValueError, OverflowError):
            continue
    return None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return min(_LONGEST, milliseconds / 1000)
    of_the_gateway, passed_on = headers.get("retry-after", ""), headers.get("llm_provider-retry-after", "")
    return _seconds_until(of_the_gateway or passed_on)  # litellm's proxy passes it on under the second name


def _number(text: str | None) -> float | None:
    """A finite number that is not negative."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    if 0 <= value < float("inf"):
        return value
    return None
