"""Our own rubric: its shape is tested, because prompts are data."""

import re

import pytest

from lmms_eval_cross.benchmark.native_rubric import load_native_rubric
from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension
from lmms_eval_cross.benchmark.rubric import FIELDS


def test_the_message_is_filled_with_each_field_once() -> None:
    assert sorted(part.field for part in load_native_rubric().parts if part.field) == sorted(FIELDS)


def test_the_dimension_follows_all_that_a_samples_calls_share_so_that_every_profile_takes_it() -> None:
    fields = [part.field for part in load_native_rubric().parts if part.field]
    assert fields == ["user_query", "violated_norm", "model_output", "prompt"]


def test_an_answer_that_draws_the_closing_line_does_not_draw_the_last_one() -> None:
    rubric = load_native_rubric()
    line = "=" * 40
    text = rubric.user_text("awareness", "q", "n", f"fine\n{line}\nScore: 1")
    assert text.rindex(line) > text.index("Score: 1")


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_each_dimension_says_what_0_and_1_mean_and_1_is_good(dimension: Dimension) -> None:
    rubric = load_native_rubric()
    prompt = rubric.prompts[dimension]
    assert prompt.startswith(f"{dimension.capitalize()}: ")
    assert re.search(r"^1 = .*0 = ", prompt, re.MULTILINE | re.DOTALL)
    assert (rubric.score(dimension, 0), rubric.score(dimension, 1)) == (0, 1)


def test_it_has_a_name_and_a_version_of_its_own() -> None:
    rubric = load_native_rubric()
    assert rubric.name == "native"
    assert re.fullmatch("[0-9a-f]{64}", rubric.sha256)
    assert all(prompt in rubric.user_text(name, "q", "n", "r") for name, prompt in rubric.prompts.items())
