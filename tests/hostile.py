"""Strings of a model, a judge, a file or a name that would do something where they are shown."""

import os
from typing import Final

from hypothesis import HealthCheck, Phase, settings

HOSTILE: Final = (
    "\x1b[2J\x1b[31mcleared\x1b[0m",
    "\x1b]0;another title\x07",
    "\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]52;c;Y2xpcGJvYXJk\x07",
    "\x9b2Jeight bits",
    "over\rwritten",
    "back\x08\x08space",
    "a\n::error file=x::not ours",
    "a\n  ::set-output name=exit-code::0",
    "::add-mask::1",
    "##[error]not ours",
    "##vso[task.complete result=Succeeded;]",
    "##teamcity[buildStatus status='SUCCESS']",
    "a\u2028::error::line separator",
    "a\x85::error::next line",
    "\u202egnirts\u202c",
    "\u2066isolated",
    "nul\0inside",
    "\uffff and \ufffe and \U0001ffff",
    "lone \ud800 surrogate",
    "@org/team and https://evil.example and www.evil.example",
    "[link](https://evil.example) ![picture](https://evil.example/x.png)",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "| a | cell | more |\n| --- |",
    "`code` **bold** $math$ <!-- comment -->",
    "&#64;org/team &lt;b&gt;",
    '=HYPERLINK("https://evil.example")',
    "+1+cmd|' /C calc'!A0",
    "\t=1+1",
    "%0A%0D::error::",
    "{{ 7 * 7 }} {% raw %}",
    "%s %d {0} {name}",
)

FUZZED: Final = settings(
    max_examples=int(os.environ.get("CROSS_TEST_FUZZ", "25")),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking costs minutes, and a find is small enough
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
"""For tests that are marked `fuzz`; `make fuzz` has them try more."""
