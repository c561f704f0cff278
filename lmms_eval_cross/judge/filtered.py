"""Refusals of one call because of what stands in it: a filter or a moderation stopped it."""

import re
from typing import Final

from lmms_eval_cross.judge.error_body import ErrorBody

_CODES: Final = frozenset(
    {"content_filter", "content_policy_violation", "data_inspection_failed", "DataInspectionFailed", "invalid_prompt"}
)
"""OpenAI's and Azure's, Alibaba's, and OpenAI's of reasoning models."""
_WORDS: Final = re.compile(
    r"content[ _-]?(filter|policy|moderation)|content management policy|ContentPolicyViolation|ResponsibleAI"
    r"|\b(requires|by|failed) moderation|moderation (blocked|failed|rejected)"
    r"|\b(was|were|been|is) flagged|safety system|inappropriate content|considered high risk"
    r"|(violat\w{1,5}|against)\b.{0,40}\b(usage|use|content|safety) (polic|guideline)|不安全|敏感内容",
    re.IGNORECASE,
)
"""How gateways say it, where they give no code for it."""


def is_filtered(said: ErrorBody) -> bool:
    """Whether a refusal says that a filter stopped the call."""
    return bool(_CODES & said.names or _WORDS.search(said.words))
