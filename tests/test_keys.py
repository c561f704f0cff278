"""The verdict key: what decides a verdict changes it, and nothing else does."""

import hashlib
import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmms_eval_cross.ledger.keys import VerdictKey
from lmms_eval_cross.text import canonical_json

KEY = VerdictKey(
    rubric_sha256="r",
    profile="official",
    judge_id="j",
    request={"temperature": 0},
    dimension="awareness",
    query="q",
    norm="n",
    response="a",
    image_sha256="i",
)
OTHER: dict[str, Any] = {
    "rubric_sha256": "r2",
    "profile": "joint",
    "judge_id": "j2",
    "request": {"temperature": 0, "max_tokens": 5},
    "dimension": "education",
    "query": "q ",
    "norm": "N",
    "response": "a\n",
    "image_sha256": "i2",
    "repeat": 1,
}


def test_every_field_has_another_value_here() -> None:
    assert set(OTHER) == {field.name for field in fields(VerdictKey)}


@pytest.mark.parametrize("field", OTHER)
def test_another_value_of_any_field_is_another_key(field: str) -> None:
    assert replace(KEY, **{field: OTHER[field]}).digest != KEY.digest


def test_text_can_not_move_between_fields() -> None:
    assert replace(KEY, query="q\x00n", norm="").digest != replace(KEY, query="q", norm="n").digest
    assert replace(KEY, query='q","norm":"n').digest != KEY.digest


def test_the_order_of_request_settings_does_not_matter() -> None:
    one, other = {"temperature": 0, "seed": 1}, {"seed": 1, "temperature": 0}
    assert replace(KEY, request=one).digest == replace(KEY, request=other).digest


def test_a_key_stays_the_same_over_releases() -> None:
    written = (
        '{"dimension":"awareness","image_sha256":"i","judge_id":"j","norm":"n","profile":"official","query":"q",'
        '"repeat":0,"request":{"temperature":0},"response":"a","rubric_sha256":"r"}'
    )
    assert KEY.digest == hashlib.sha256(written.encode()).hexdigest()


@given(st.text(st.characters(codec=None)))
def test_any_text_has_a_canonical_form_in_ascii(text: str) -> None:
    written = canonical_json(text)
    assert written.isascii()
    assert json.loads(written) == text


def test_lone_surrogates_make_keys_of_their_own() -> None:
    assert len({replace(KEY, response=text).digest for text in ("\ud800", "\udfff", "\ufffd", "\\ud800")}) == 4
