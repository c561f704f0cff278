"""Refusals after which no other call will fare better: the key, the model, or the purse."""

import re
from typing import Final

from lmms_eval_cross.judge.error_body import ErrorBody

_PURSE_CODES: Final = frozenset(
    {
        *("insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "exceeded_current_quota_error"),
        *("enforced_spend_limit_reached", "contract_spend_limit_reached", "billing_error", "Arrearage"),
        "budget_exceeded",
    }
)
"""OpenAI's, Moonshot's, Anthropic's (as anthropic 2.14.0 has them), Alibaba's, litellm's."""
_KEY_CODES: Final = frozenset({"invalid_api_key", "API_KEY_INVALID", "permission_denied", "PERMISSION_DENIED"})
_ACCOUNT_CODES: Final = frozenset({"API_KEY_INVALID", "organization_on_hold", "no_db_connection"})
"""Of a 400; the last is what litellm's proxy says to a wrong key where it has no database to look for others in."""


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE | re.DOTALL)


_PURSE: Final = _any_of(
    r"balance (is )?(too low|insufficient|not enough|exhausted)",
    r"(insufficient|not enough|out of|purchase|run out of) (account |more )?(balance|credits?|funds)",
    r"account is not active",
    r"payment required",
    r"arrearage|overdue|past due|unpaid|failure to pay",
    r"\b(exceeded|used( up)?|exhausted|no( more| remaining)?)\b( \w{1,20}){0,3} credits\b",
    r"(reached|exceeded|hit)\b.{0,40}\b(spend|spending|billing) limit",
    r"budget has been exceeded",
    r"余额不足|账户已欠费|欠费",
    r"exceeded your current quota, please check your plan and billing details\b(?!.*(metric|retry|rate-limit|google))",
)
_KEY: Final = _any_of(
    r"(api[ _-]?key|access key|credentials?)\b.{0,40}\b(expired|invalid|not valid|incorrect|revoked|disabled|missing)",
    r"\b(invalid|incorrect|expired|revoked|missing)\b.{0,20}\b(api[ _-]?key|access key|credentials?)",
    r"account.{0,20}(deactivated|suspended|disabled)",
    r"insufficient permissions|missing scopes|not authori[sz]ed",
    r"(country|region).{0,40}not supported",
)
_MODEL: Final = _any_of(r"\bmodels?\b", r"\bdeployments?\b")


def is_hopeless(status: int, said: ErrorBody) -> bool:
    """Whether no other call will fare better, as far as one refusal can tell (see `may_be_its_own`).

    Args:
        status: of HTTP.
        said: what the endpoint says.
    """
    if status in {401, 402, 403, 404}:
        return True
    is_of_the_purse = bool(_PURSE_CODES & said.names or _PURSE.search(said.words))
    if status == 429:  # of a quota that a minute fills up again, Google says "check your plan and billing details", too
        return is_of_the_purse
    if status not in {400, 412}:
        return False
    return is_of_the_purse or refuses_key(said)


def may_be_its_own(status: int, said: ErrorBody) -> bool:
    """Whether a 403 or 404 names neither key nor model nor purse: a firewall or a filter may have met one answer."""
    if status not in {403, 404} or _KEY_CODES & said.names:
        return False
    if _PURSE.search(said.words) or _KEY.search(said.words):
        return False
    return not (status == 404 and (said.code == "model_not_found" or _MODEL.search(said.words)))


def refuses_key(said: ErrorBody) -> bool:
    """Whether a 400 is of the key; stricter than for a 403, since it mostly complains of the call, and may quote it."""
    match = _KEY.search(said.words)
    return bool(_ACCOUNT_CODES & said.names) or (match is not None and match.start() <= len("Error: Your "))
