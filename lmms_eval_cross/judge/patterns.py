"""Patterns that are compiled when a reply is first read by them: most kept replies need none to be read again."""

import re
from functools import cache


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern, compiled once; its flags stand in it. `re` forgets its own when a process has many."""
    return re.compile(pattern)
