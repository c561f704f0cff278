"""What a ledger holds, and whether its keys are right."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from lmms_eval_cross.errors import listing
from lmms_eval_cross.ledger.keys import Texts, VerdictKey, key_of
from lmms_eval_cross.ledger.store import Ledger


def describe(ledger: Ledger) -> str:
    """Counts by judge and endpoint, and the runs with their answers.

    Raises:
        LedgerError: the ledger can't be read.
    """
    judges = ledger.select(
        "SELECT judge_id, host, count(score) AS scored, count(*) - count(score) AS failed FROM verdict "
        "GROUP BY judge_id, host ORDER BY judge_id, host"
    )
    runs = ledger.select(
        "SELECT run, count(*) AS answers, min(created_at) AS first, max(created_at) AS last FROM response "
        "GROUP BY run ORDER BY first"
    )
    lines = [f"{ledger.path.name}: {ledger.count('verdict')} verdicts and failures, {ledger.count('response')} answers"]
    for row in judges:
        lines.append(f"judge {row['judge_id']} at {row['host']}: {row['scored']} verdicts, {row['failed']} failures")
    for row in runs:
        lines.append(f"run {row['run']}: {row['answers']} answers, {row['first']} to {row['last']}")
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Verification:
    """How the keys of a ledger's verdicts fared."""

    right: int
    wrong: list[str]
    """Samples whose verdicts stand under a key that their answers don't give."""
    unknown: int
    """Verdicts whose answer is not in the ledger, or of which it was not kept how they were asked for."""

    @property
    def sentence(self) -> str:
        """The outcome in one line."""
        counts = f"{self.right} keys are right, {len(self.wrong)} wrong, "
        sentence = f"{counts}{self.unknown} have nothing to derive them from."
        if self.wrong:
            sentence += f" Wrong: {listing(sorted(set(self.wrong)))}."
        return sentence


def verify(ledger: Ledger) -> Verification:
    """Derive the key of every verdict from its outline and its answer, and compare.

    Raises:
        LedgerError: the ledger can't be read.
    """
    answered = _answers(ledger)
    texts_of = {texts.sha256: texts for texts in answered}
    right, wrong, unknown = 0, [], 0
    for row in ledger.select("SELECT key, sample_id, dimension, judge_id, outline FROM verdict"):
        key = key_of(row["outline"], texts_of)
        if key is None:
            unknown += 1
        elif _is_filed_right(row, key, answered):
            right += 1
        else:
            wrong.append(row["sample_id"])
    return Verification(right, wrong, unknown)


def _answers(ledger: Ledger) -> dict[Texts, set[str]]:
    """The texts that a judge was given, and the samples that each belongs to."""
    answered: dict[Texts, set[str]] = defaultdict(set)
    for row in ledger.select("SELECT record FROM response"):
        record = json.loads(row["record"])
        answered[Texts(record["query"], record["norm"], record["response"])].add(record["sample_id"])
    return answered


def _is_filed_right(row: Mapping[str, Any], key: VerdictKey, answered: Mapping[Texts, Collection[str]]) -> bool:
    if row["sample_id"] not in answered[Texts(key.query, key.norm, key.response)]:
        return False
    return (row["key"], row["dimension"], row["judge_id"]) == (key.digest, key.dimension, key.judge_id)
