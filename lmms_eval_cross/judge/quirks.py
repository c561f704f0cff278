"""What an endpoint does not take of a request: learnt from its refusals, then left out or said otherwise."""

import re
from collections.abc import Mapping
from typing import Any, Final

NO_TEMPERATURE: Final = "no_temperature"
MAX_COMPLETION_TOKENS: Final = "max_completion_tokens"
NO_SCHEMA: Final = "no_schema"
NO_CACHE_KEY: Final = "no_cache_key"

_PARAMETERS: Final = {
    "temperature": (NO_TEMPERATURE, ("temperature",)),
    "max_tokens": (MAX_COMPLETION_TOKENS, ("max_tokens", "max_completion_tokens")),
    "response_format": (
        NO_SCHEMA,
        (
            *("response_format", "json_schema", "structured output", "guided", "output format"),
            *("response_schema", "additionalproperties", "grammar"),
            *("output_config", "responsejsonschema", "response_json_schema", "response_mime_type", "responsemimetype"),
        ),
    ),
    "prompt_cache_key": (NO_CACHE_KEY, ("prompt_cache_key",)),
}
_COMPLAINS: Final = re.compile(r"\bmust\b|\bha(s|ve) to\b|not support|unsupported|compil|not allowed", re.IGNORECASE)
"""Words by which a server that fails says what of; it may also print its request into the error of another fault."""


def learn(status: int, parameter_named: object, words: str, sent: Mapping[str, Any]) -> str | None:
    """The quirk that a refusal tells of a parameter that was `sent`, None if it tells of none.

    It is a guess until the call has succeeded without the parameter: the words may quote what was judged.

    Args:
        status: of HTTP; 400 and 422 can tell something, and 500 where the words complain.
        parameter_named: the error's `param`, as far as it has one; then it alone counts.
        words: the error's own, and nothing of the request that some endpoints send back with it.
        sent: the parameters of the request.
    """
    if status not in {400, 422} and not (status == 500 and _COMPLAINS.search(words)):
        return None
    named, lowered = str(parameter_named or ""), words.lower()
    for parameter, (quirk, hints) in _PARAMETERS.items():
        if parameter not in sent:
            continue
        if named.startswith(parameter) or (not named and any(hint in lowered for hint in hints)):
            return quirk
    return None


def adapt(wanted: Mapping[str, Any], quirks: frozenset[str]) -> dict[str, Any]:
    """The parameters as an endpoint with these quirks takes them."""
    adapted = dict(wanted)
    for name, (quirk, _) in _PARAMETERS.items():
        if quirk in quirks:
            adapted.pop(name, None)
    if MAX_COMPLETION_TOKENS in quirks and "max_tokens" in wanted:
        adapted["max_completion_tokens"] = wanted["max_tokens"]
    return adapted
