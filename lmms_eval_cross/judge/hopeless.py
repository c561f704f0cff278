"""Refusals after which no other call will fare better: the key, the model, or the purse."""

import re
from typing import Final

_PURSE_CODES: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_KEY_CODES: Final = frozenset({"invalid_api_key", "API_KEY_INVALID", "permission_denied", "PERMISSION_DENIED"})


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE | re.DOTALL)


_PURSE: Final = _any_of(
    r"balance (is )?(too low|insufficient|not enough|exhausted)",
    r"(insufficient|not enough|out of|purchase|run out of) (account |more )?(balance|credits?|funds)",
    r"account is not active",
    r"payment required",
    r"arrearage|overdue",
)
_KEY: Final = _any_of(
    r"(api[ _-]?key|access key|credentials?)\b.{0,40}\b(expired|invalid|not valid|incorrect|revoked|disabled|missing)",
    r"\b(invalid|incorrect|expired|revoked|missing)\b.{0,20}\b(api[ _-]?key|access key|credentials?)",
    r"account.{0,20}(deactivated|suspended|disabled)",
    r"insufficient permissions|missing scopes|not authori[sz]ed",
    r"(country|region).{0,40}not supported",
)
_MODEL: Final = _any_of(r"\bmodels?\b", r"\bdeployments?\b")


def is_hopeless(status: int, code: str, kind: str, words: str) -> bool:
    """Whether no other call will fare better, as far as one refusal can tell (see `may_be_its_own`).

    Args:
        status: of HTTP.
        code: the error's `code`, empty without one.
        kind: its `type` or `status`, empty without one.
        words: the endpoint's.
    """
    if status in {401, 402, 403, 404}:
        return True
    if status == 429:  # of a quota that a minute fills up again, some say "check your plan and billing details", too
        return bool(_PURSE_CODES & {code, kind}) or "account is not active" in words
    return status == 400 and (bool(_PURSE.search(words)) or "API_KEY_INVALID" in {code, kind} or begins_with_key(words))


def may_be_its_own(status: int, code: str, kind: str, words: str) -> bool:
    """Whether a 403 or 404 names neither key nor model nor purse: a firewall or a filter may have met one answer."""
    if status not in {403, 404} or _KEY_CODES & {code, kind}:
        return False
    if _PURSE.search(words) or _KEY.search(words):
        return False
    return not (status == 404 and (code == "model_not_found" or _MODEL.search(words)))


def begins_with_key(words: str) -> bool:
    """Stricter than for a 403: a 400 mostly complains of the call, and may quote it."""
    match = _KEY.search(words)
    return match is not None and match.start() <= len("Error: Your ")
