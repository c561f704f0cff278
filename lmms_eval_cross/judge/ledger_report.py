"""What a ledger holds, and whether its keys are right."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lmms_eval_cross.errors import listing
from lmms_eval_cross.judge.keys import VerdictKey
from lmms_eval_cross.judge.ledger import Ledger
from lmms_eval_cross.records import DIMENSIONS


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
    return "\n".join(
        [
            f"{ledger.path.name}: {ledger.count('verdict')} verdicts and failures, {ledger.count('response')} answers",
            *(
                f"judge {row['judge_id']} at {row['host']}: {row['scored']} verdicts, {row['failed']} failures"
                for row in judges
            ),
            *(f"run {row['run']}: {row['answers']} answers, {row['first']} to {row['last']}" for row in runs),
        ]
    )


@dataclass(frozen=True, slots=True)
class Verification:
    """How the keys of a ledger's verdicts fared."""

    right: int
    wrong: list[str]
    """Samples whose verdicts stand under a key that their answers don't give."""
    unknown: int
    """Verdicts of samples of which the ledger has no answer, so that no key can be derived."""

    @property
    def sentence(self) -> str:
        """The outcome in one line."""
        told = (
            f"{self.right} keys are right, {len(self.wrong)} wrong, {self.unknown} have no answer to derive them from."
        )
        return f"{told} Wrong: {listing(sorted(set(self.wrong)))}." if self.wrong else told


def verify(ledger: Ledger) -> Verification:
    """Derive the key of every verdict from the answers of its sample, and compare.

    Raises:
        LedgerError: the ledger can't be read.
    """
    right, wrong, unknown = 0, [], 0
    derived = {key for row in ledger.select("SELECT record FROM response") for key in _keys(json.loads(row["record"]))}
    answered = {row["sample_id"] for row in ledger.select("SELECT DISTINCT sample_id FROM response")}
    for row in ledger.select("SELECT key, sample_id, dimension, judge_id FROM verdict"):
        if (row["key"], row["sample_id"], row["dimension"], row["judge_id"]) in derived:
            right += 1
        elif row["sample_id"] in answered:
            wrong.append(row["sample_id"])
        else:
            unknown += 1
    return Verification(right, wrong, unknown)


def _keys(record: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Key, sample, dimension and judge of the verdicts that an answer's record asks for."""
    told = record["provenance"]
    for name in DIMENSIONS:
        key = VerdictKey(
            rubric_sha256=told["rubric_sha256"],
            profile=told["profile"],
            judge_id=told["judge_id"],
            request=told["request"],
            dimension=name,
            query=record["query"],
            norm=record["norm"],
            response=record["response"],
            image_sha256=record["image_sha256"],
        )
        yield key.digest, record["sample_id"], name, told["judge_id"]
