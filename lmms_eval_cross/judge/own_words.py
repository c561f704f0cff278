"""What of a reply is the judge's own: not quoted from the answer, not a menu of scores, not one that it rules out.

Every repetition in the patterns is bounded or unambiguous, so that a hostile reply costs linear time.
"""

import re
from typing import Final

from lmms_eval_cross.judge.patterns import compiled

Span = tuple[int, int]
_MENU_IN_BRACKETS: Final = r"[(\[](?=[^()\[\]\n]*\b0\b)(?=[^()\[\]\n]*\b1\b)[^()\[\]\n]*[)\]]"
_HIGHEST: Final = r"(?:max(?:imum)?|highest|best|top|full|perfect|lowest|min(?:imum)?)"
_UP_TO: Final = r"an? (?:\w{1,20} )?(?:(?:score|rating) of )?[01]\b"
_NOT_A_SCORE: Final = (
    r"(?i)(?=[01])(?:"
    r"(?<![\w.,/])[01] ?(?:\b(?:or|to|and|through|versus|vs\.?)\b|[-–]|, )(?: an?\b)? ?[01]\b(?![.,/]?\d)"
    r"|\b0 ?/ ?1\b(?=[*_ ]{0,4}[:=])"
    r"|(?<![\w.,/])[01] ?(?:=|:|\b(?:if|when|means|for)\b)[^\d\n]{1,160}"
    r"[^\w.,/][01] ?(?:=|:|\b(?:if|when|means|for|otherwise)\b)[^\n]{0,160}"
    r")|\b(?:"
    r"(?:not|than|never|instead of) (?:an? )?(?:(?:score|rating) of )?[01]\b"
    rf"|(?:not|cannot|never) \w{{1,20}} {_UP_TO}"
    rf"|{_HIGHEST}(?: \w{{1,20}}){{0,2}} (?:scores?|ratings?|grade|marks?)\b[^\d\n.!?]{{0,30}}[01]\b"
    rf"|{_HIGHEST}(?: (?:of|is|being))?[ :=]{{1,3}}[01]\b"
    r"|(?:to|would|could|might|should|may)(?: have| also| then| only| then)?"
    r" (?:get|got|reach|earn|deserve|receive|merit|obtain|achieve|score|need|give|warrant|justify)\w{0,3}\b"
    r"[^\d\n.!?]{0,40}[01]\b"
    r"|(?:consider|inclin|argu|tempt|lean)\w{0,4}\b[^\d\n.!?]{0,20}\b(?:to|for|towards?|giving|a)\b"
    r"[^\d\n.!?]{0,20}[01]\b"
    r"|(?:confidence|certainty|probability|likelihood)(?: (?:score|level|rating))?\b\W{0,6}[\d.,]{1,6}"
    rf")|n['’]t \w{{1,20}} {_UP_TO}"
)
"""Menus (`0 or 1`, `1 = yes, 0 = no`), scores that were not given (`0, not 1`; `to earn a 1`), and other scales.

By what they begin with, so that most places of a reply are passed over at once: each is looked at in every judge call.
"""
_MENU_LINES: Final = (
    r"(?im)^[\W_]{0,8}(?:scores? )?(?P<one>[01])[*_]{0,2} ?[:=–-][ *_]{1,4}\w[^\n]{0,300}\n"
    r"[\W_]{0,8}(?:scores? )?(?!(?P=one))[01][*_]{0,2} ?[:=–-][ *_]{1,4}\w[^\n]{0,300}$"
)
_QUOTES: Final = (
    r"(?m)“[^“”]*”|«[^«»]*»|「[^「」]*」|『[^『』]*』|\"[^\"\n]*\"|`[^`\n]+`|^ {0,3}>.*$"
    r"|(?<!\w)'(?:[^'\n]|(?<=\w)'(?=\w))*'(?!\w)|(?<!\w)‘(?:[^‘’\n]|(?<=\w)’(?=\w))*’(?!\w)"
)
_LONG_QUOTE: Final = r'(?<![\w"])"(?=[^\s"])[^"]{1,4000}"(?!\w)'
"""Over several lines; its first mark has a space or a line's beginning before it."""
_SAYING: Final = (
    r"(?:answer|response|reply|assistant|model|output|text|it|which)(?:['’]s)?\b[^\n.!?:]{0,40}"
    r"\b(?:say|read|writ|wrote|state|end|claim|contain|include|beg[iau]n|conclude|go|repl|run)\w{0,3}\b[^\n.!?:]{0,30}:"
)
_SHOWING: Final = (
    r"(?:quot(?:e|ed|ing|ation)|excerpt|verbatim)\b[^\n.!?:]{0,30}:"
    r"|(?:here|this|below) is (?:the|its) (?:answer|response|reply|text|output)\b[^\n.!?:]{0,30}:"
)
_SAID: Final = (
    rf"(?im)\b(?:{_SAYING}|{_SHOWING})[ \t*_]{{0,4}}"
    r"(?:\n{1,2}(?! \.\.\. $)[^\n]{1,2000}(?:\n[^\n]{1,2000}){0,40}|[^\n]{1,2000})"
)
"""`The answer says:` with the line's rest, or with the paragraph below it."""
_FENCE: Final = r"(?ms)^ {0,3}(?P<mark>```|~~~|\"\"\"|''')[^\n`]{0,40}\n(?P<inside>.{0,4000}?)^ {0,3}(?P=mark)[ \t]*$"
_TAGGED: Final = (
    r"(?ims)[<\[](quote|blockquote|response|model_output|model_response|assistant|user|input)\b[^<>\[\]\n]{0,40}[>\]].{0,4000}?"
    r"[<\[]/\1[>\]]|^<<<+\n.{0,4000}?^>>>+$|^(?: {4}|\t)[^\n]{1,2000}\n(?=.)"
)
"""Tags of what a judge is given, arrows, and a line of indented code that is not the last."""
_OWN_TAG: Final = r"(?is)<(answer|final_answer|output|result)>(?P<inside>.{0,4000}?)</\1>"


def own_words(text: str) -> str:
    """`text` without quotations that hold a number, and without numbers that are on offer or ruled out."""
    own = compiled(_LONG_QUOTE).sub(_unless_own_form, compiled(_QUOTES).sub(_unless_own_form, text))
    own = compiled(_MENU_LINES).sub(" ... ", compiled(_SAID).sub(" ... ", own))
    return compiled(_NOT_A_SCORE).sub(" ... ", compiled(_MENU_IN_BRACKETS).sub("", own))


def quoted_blocks(text: str) -> list[Span]:
    """Where code fences and tags hold what the judge may quote; its own are one verdict long, or the end of all."""
    spans = [match.span() for match in compiled(_TAGGED).finditer(text)]
    for match in compiled(_FENCE).finditer(text):
        if not (_is_whole(match) or (_ends_all(match) and _is_short(match["inside"]))):
            spans.append(match.span())
    for match in compiled(_OWN_TAG).finditer(text):
        if not (_ends_all(match) or _is_short(match["inside"])):
            spans.append(match.span())
    return spans


def _unless_own_form(quote: re.Match[str]) -> str:
    """The quotation, if it is the judge's own form: a number or a key in quotes, or the last line as a whole."""
    text, reply = quote[0], quote.string
    alone = quote.end() == len(reply) and reply[: quote.start()][-1:] in {"", "\n"}
    if len(text) <= 4 or (alone and "\n" not in text) or not re.search(r"\d", text):
        return text
    return " ... "


def _is_short(block: str) -> bool:
    return "\n" not in block.strip()


def _is_whole(block: re.Match[str]) -> bool:
    return block.start() == 0 and block.end() == len(block.string)


def _ends_all(block: re.Match[str]) -> bool:
    return not block.string[block.end() :].strip("`*_-. \n")
