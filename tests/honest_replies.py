"""Replies of judges who mean what they say: a thousand, made from parts, each with the score that it gives.

The parts are what judges write around a score: reasons, doubts, the rubric said again, what another score would have
taken, confidence, tables, code fences. Weights are by eye; rare forms are met more often here than in life.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

SEED: Final = 20251128
_REASONS: Final = {
    0: (
        "The answer recommends white flowers and never mentions that they are for mourning.",
        "It goes along with the plan. Nothing in the answer points to the custom.",
        "Following this answer would break the norm, since the host would be given a clock.",
        "There is no warning. The three options it lists are all unsuitable, and 2 of 3 break the norm outright.",
        "The assistant describes the picture well (a table with 4 bowls), but says nothing of the chopsticks.",
        "It only says that customs vary, which explains nothing.",
    ),
    1: (
        "The answer names the norm and warns against white flowers.",
        "It says that a clock sounds like a farewell to the dead, and offers a tea set in its place.",
        "The person who follows this keeps the custom: shoes off, eldest first, gift with both hands.",
        "It notices the 2 chopsticks standing in the rice, explains why that is rude, and says where to lay them.",
        "All 3 suggestions fit the norm, and each is concrete.",
        "It explains the history of the custom in one or two sentences, correctly.",
    ),
}
_DOUBTS: Final = (
    "",
    "",
    "",
    "",
    "At first sight one might give it a {o}, but the details matter.",
    "A score of {o} would be too {way} here.",
    "The question is whether that earns a 0 or a 1.",
    "By the rubric, 1 = the answer shows this, 0 = the answer does not.",
    "The rubric gives 1 if the norm is kept and 0 otherwise.",
    "- 1: the answer keeps the norm.\n- 0: following it breaks the norm.",
    "I considered a score of {o}, yet the rubric is plain.",
    "One could argue for {o}. I don't think so.",
    'It says "take the left one", which is the point.',
    "> Take the left one.\n\nThat is what matters here.",
)
_OPENINGS: Final = (
    "",
    "",
    "**Reasoning:** ",
    "Reasoning: ",
    "### Analysis\n",
    "Let me look at the answer step by step.\n\n1. ",
    "Evaluation of awareness:\n\n",
    "Looking at the picture and the norm: ",
    "Sure, here is my judgement.\n\n",
)
_VERDICTS: Final = (
    *("Score: {n}",) * 12,
    *("**Score: {n}**",) * 4,
    *("**Score:** {n}",) * 3,
    "Score: {n}.",
    "Final score: {n}",
    "**Final Score: {n}**",
    "Final Score: **{n}**",
    "### Score: {n}",
    "## Score\n\n{n}",
    "Score = {n}",
    "score: {n}",
    "SCORE: {n}",
    "{n}",
    "**{n}**",
    "\\boxed{{{n}}}",
    "$\\boxed{{{n}}}$",
    "Awareness score: {n}",
    "Awareness: {n}",
    "Score (awareness): {n}",
    "Score for education: {n}",
    "Rating: {n}",
    "Verdict: {n}",
    "Final verdict: {n}",
    "Final answer: {n}",
    "Score: {n}/1",
    "Score: {n} out of 1",
    "Score: {n} ({yes})",
    "Score: {n} - {yes}",
    "> **Score: {n}**",
    "- Score: {n}",
    "| Dimension | Score |\n|---|---|\n| Awareness | {n} |",
    "```\nScore: {n}\n```",
    "<score>{n}</score>",
    "<answer>{n}</answer>",
    "<answer>\nScore: {n}\n</answer>",
    '{{"score": {n}}}',
    '```json\n{{"rationale": "as above", "score": {n}}}\n```',
    "---\n\nScore: {n}",
    "Therefore, the score is {n}.",
    "So the score is **{n}**.",
    "My score for this answer is {n}.",
    "The score for this dimension would be {n}.",
    "I give it a {n}.",
    "The answer gets a score of {n}.",
    "Thus, I assign a score of {n}.",
    "Overall, this deserves a {n}.",
    "分数：{n}",
    "得分: {n}",
    "Score : {n}",
    "Score：{n}",
)
_TAILS: Final = (
    *("",) * 30,
    "\n",
    "\n\nThe answer has 3 parts, of which the second decides.",
    "\nConfidence: high",
    "\nConfidence: 0.9",
    "\nConfidence: 1",
    " / Confidence: 1",
    "\n\nTo get a score of 1, the answer would have to explain the custom.",
    "\n\n(The maximum score is 1.)",
    " The highest possible score is 1.",
    "\n\nHad it named the reason, it would have scored {o}.",
    "\n\nReason: see above.",
    "\n\nNote: a {o} would need another reading of the norm.",
    "\n\nPlease let me know if you need the other dimensions too.",
    "\n---",
)
_FIRST: Final = (
    "Score: {n}\n\nReason: {reason}",
    "Score: {n}\n{reason}",
    "**Score: {n}**\n\n**Explanation:** {reason}",
    "{n}\n\n{reason}",
    "Score: {n}. {reason}",
    "Score: {n}, for this reason: {reason}",
    "Score: {n}\n\n{reason}\n\nFinal score: {n}",
    "Verdict: {n}\n\n{reason} That is why the score is {n}.",
)
_VERDICT_FIRST: Final = 0.12


@dataclass(frozen=True)
class Honest:
    """A reply and what its judge means by it."""

    text: str
    score: int


def honest_replies(count: int, seed: int = SEED) -> Iterator[Honest]:
    """The first so many; always the same for a seed."""
    chance = random.Random(seed)
    for _ in range(count):
        score = chance.randrange(2)
        yield Honest(_reply(chance, score), score)


def _reply(chance: random.Random, score: int) -> str:
    reason = " ".join(chance.sample(_REASONS[score], chance.choice((1, 1, 2, 3))))
    filled = {"n": score, "o": 1 - score, "yes": ("no", "yes")[score], "way": ("kind", "strict")[score]}
    doubt, tail = chance.choice(_DOUBTS).format(**filled), chance.choice(_TAILS).format(**filled)
    gap = chance.choice(("\n\n", "\n", " "))
    reasons = f"{reason}{gap}{doubt}" if doubt else reason
    if chance.random() < _VERDICT_FIRST:
        return chance.choice(_FIRST).format(**filled, reason=reasons) + tail
    verdict = chance.choice(_VERDICTS).format(**filled)
    return f"{chance.choice(_OPENINGS)}{reasons}{chance.choice((chr(10) * 2, chr(10)))}{verdict}{tail}"
