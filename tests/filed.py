"""Verdicts that stand under the key which their answer gives, made without a judge."""

from lmms_eval_cross.benchmark.native_rubric import load_native_rubric
from lmms_eval_cross.benchmark.records import Outcome, Verdict
from lmms_eval_cross.ledger.keys import VerdictKey
from lmms_eval_cross.ledger.store import Entry, Ledger

GOOD = Verdict("awareness", 1, "It warns.\nScore: 1", "m")
BAD = Verdict("awareness", 0, "It says nothing.\nScore: 0", "m")


def key_of(name: str, profile: str = "official") -> VerdictKey:
    """The key of the verdict on the answer of a name."""
    rubric = load_native_rubric().sha256
    texts = (f"query {name}", "a norm", f"answer {name}")
    return VerdictKey(rubric, profile, "judge", {"temperature": 0}, "awareness", *texts, "")


def entry_of(name: str, host: str = "h") -> Entry:
    """Where that verdict belongs."""
    key = key_of(name)
    return Entry(key.digest, host, key.judge_id, f"demo/english/{name}/1", key.outline)


def answer(ledger: Ledger, name: str, run: str = "run") -> None:
    """Write the answer of a name into a ledger."""
    key, sample_id = key_of(name), entry_of(name).sample_id
    record = {"sample_id": sample_id, "query": key.query, "norm": key.norm, "response": key.response}
    ledger.record_response(run, sample_id, key.response, record)


def file_verdict(ledger: Ledger, name: str, outcome: Outcome = GOOD) -> Entry:
    """Write answer and outcome of a name into a ledger."""
    answer(ledger, name)
    ledger.record_verdict(entry_of(name), outcome)
    return entry_of(name)
