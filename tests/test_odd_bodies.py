"""Whatever an endpoint sends is a reply, or a failure of that call: no exception, and nothing that no ledger holds."""

import gzip
import json
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lmms_eval_cross.benchmark.native_rubric import load_native_rubric
from lmms_eval_cross.benchmark.records import JudgeFailure
from lmms_eval_cross.errors import LedgerError
from lmms_eval_cross.judge.body import read_body
from lmms_eval_cross.judge.completion import read_completion
from lmms_eval_cross.judge.endpoint_judge import read_heard
from lmms_eval_cross.judge.error_body import read_error, read_error_value
from lmms_eval_cross.judge.profiles import PROFILES
from lmms_eval_cross.judge.replies import NoReply
from lmms_eval_cross.ledger.store import Entry, Ledger
from tests.judge_server import Answer, JudgeServer
from tests.judging import job, judged_in

pytestmark = pytest.mark.long

NAMES = st.sampled_from(
    [
        *("choices", "message", "content", "finish_reason", "model", "usage", "prompt_tokens", "error", "code", "text"),
        *(
            "reasoning_content",
            "refusal",
            "type",
            "thinking",
            "detail",
            "loc",
            "msg",
            "delta",
            "_fields_set",
            "__class__",
        ),
        *("prompt_tokens_details", "cached_tokens", "completion_tokens", "param", "status", "index", "self", ""),
    ]
)
ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**400),
    st.just(-(10**400)),
    st.floats(),
    st.text(st.characters(codec=None), max_size=30),
    st.sampled_from(["stop", "Score: 1", "<think>", "</think>\nScore: 0", "1e999", "\x1b[31m", "length"]),
)
VALUES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=5)),
    max_leaves=25,
)
MESSAGES = st.dictionaries(st.sampled_from(["content", "refusal", "reasoning_content", "reasoning"]), VALUES)
CHOICES = st.fixed_dictionaries({}, optional={"message": MESSAGES, "finish_reason": ATOMS, "error": VALUES})
COMPLETIONS = st.fixed_dictionaries(
    {"choices": st.lists(CHOICES, max_size=3)}, optional={"model": ATOMS, "usage": VALUES, "error": VALUES}
)


@given(st.one_of(VALUES, COMPLETIONS))
@example({"choices": [{"message": {"content": "Score: 1"}, "finish_reason": "stop"}], "model": ["x"]})
@example(
    {"choices": [{"message": {"content": "Score: 1"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 10**400}}
)
@settings(max_examples=300, deadline=None)
def test_any_value_is_a_reply_or_a_failure_that_a_ledger_holds(value: object) -> None:
    body = json.dumps(value).encode()
    try:
        reply = read_completion(read_body(body))
    except ValueError:  # said of the body, as the client does
        reply = NoReply("unavailable", "The endpoint's answer is not JSON.")
    rubric = load_native_rubric()
    for profile in PROFILES.values():
        for dimensions in profile.waves[0]:
            for name, outcome in read_heard(profile, rubric, dimensions, reply).outcomes.items():
                (outcome.model or "").encode()
                assert 0 <= outcome.usage.cached_tokens <= outcome.usage.prompt_tokens < 2**63
                assert outcome.dimension == name


@given(st.one_of(st.binary(), VALUES.map(lambda value: json.dumps(value).encode())))
@example(b"[" * 100_000)
@example(b'{"a":' * 50_000)
@example(b"data: " + b"[" * 100_000)
@example(b"data: {\n\ndata: [DONE]")
@example(b'data: {"choices": [{"delta": {"content": ["x"]}}]}')
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_body_or_none_and_words_of_a_refusal(body: bytes) -> None:
    with suppress(ValueError):
        read_completion(read_body(body))
    said = read_error(body)
    assert said.words.isprintable()
    assert len(said.words) <= 300
    assert all(isinstance(part, str) for part in (said.code, said.kind, said.parameter))


@given(VALUES)
@settings(max_examples=200, deadline=None)
def test_a_refusals_words_are_found_in_any_value(value: object) -> None:
    assert read_error_value(value).words.isprintable()


def test_a_body_that_grows_when_it_is_unpacked_is_given_up(judged_by: JudgeServer, bare_environment: Path) -> None:
    bomb = gzip.compress(b" " * 200_000_000)
    assert len(bomb) > 100_000
    judged_by.script = lambda _: Answer(raw=bomb, headers={"Content-Encoding": "gzip"})
    outcomes = judged_in(bare_environment, [job("An answer.")])[0]
    for one in outcomes.values():  # on a slow machine, patience may end first, and quotes it
        assert isinstance(one, JudgeFailure)
        assert one.detail.endswith("The endpoint's answer is larger than 8,000,000 bytes.")


def test_what_a_ledger_is_given_of_an_odd_reply_can_be_read_back(tmp_path: Path) -> None:
    value = {"choices": [{"message": {"content": "\ud800 Score: 1\x00"}, "finish_reason": "stop"}], "model": "\udfff"}
    reply = read_completion(read_body(json.dumps(value).encode()))
    heard = read_heard(PROFILES["official"], load_native_rubric(), ("awareness",), reply)
    with closing(Ledger(tmp_path / "ledger.sqlite")) as ledger:
        try:
            ledger.record_verdict(Entry("k", "h", "j", "s"), heard.outcomes["awareness"])
        except LedgerError:
            pytest.fail("the ledger takes it")
        assert ledger.find("k", None) == heard.outcomes["awareness"]


def test_thinking_that_is_counted_beside_the_reply_is_paid_for_too() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "completion_tokens_details": {"reasoning_tokens": 100}}
    choice = {"finish_reason": "stop", "message": {"content": "Score: 1"}}
    assert read_completion({"choices": [choice], "usage": usage}).usage.completion_tokens == 102
