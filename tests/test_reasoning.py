"""A model's reasoning is taken out before it is judged, by our tags and the user's, and stands in the record."""

import pickle
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.splits import DEMO, tasks_folder
from lmms_eval_cross.errors import SettingsError
from lmms_eval_cross.harness import reasoning_tags
from lmms_eval_cross.harness.answers_of_run import run_answers
from lmms_eval_cross.runs.reasoning import split_reasoning
from lmms_eval_cross.runs.run_files import load_run
from lmms_eval_cross.runs.sample_record import RECORD, read_record
from tests.run_folders import samples_file, write_rows
from tests.runs import rows_of
from utils.answers import Answers
from utils.judging import process_results

LMMS_EVALS_DEFAULT = '[["<think>", "</think>"], ["<analysis>", "</analysis>"]]'
PIECES = ["<think>", "</think>", "<thinking>", "</thinking>", "Take it. ", " ", "\n", "because"]


@pytest.fixture(autouse=True)
def no_tags_of_a_command_line() -> Iterator[None]:
    yield
    reasoning_tags.use_tags_of_the_command_line(None)


@pytest.mark.long
@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=9).map("".join))
def test_reasoning_is_split_off_as_lmms_eval_strips_it(text: str) -> None:
    from lmms_eval.api.reasoning import strip_reasoning_tags

    answer, reasoning = split_reasoning(text, reasoning_tags.OURS)
    assert answer == strip_reasoning_tags(text, [list(pair) for pair in reasoning_tags.OURS])
    assert len("".join((answer + reasoning).split())) == len("".join(text.split())), "nothing is lost"


def test_the_users_tags_add_to_ours() -> None:
    reasoning_tags.use_tags_of_the_command_line('[["<plan>", "</plan>"], ["<think>", "</think>"]]')
    text = "<plan>a</plan><think>b</think><thinking>c</thinking>Take tulips."
    assert Answers().apply([[text]], None) == [["Take tulips."]]
    reasoning_tags.use_tags_of_the_command_line("none")
    assert Answers().apply([[text]], None) == [["<plan>a</plan>Take tulips."]]


@pytest.mark.parametrize("value", ["<think>", '[["<think>"]]', '{"<think>": "</think>"}'])
def test_tags_that_are_no_pairs_are_a_sentence(value: str) -> None:
    with pytest.raises(SettingsError, match="must be a JSON list"):
        reasoning_tags.use_tags_of_the_command_line(value)


@pytest.mark.long
def test_what_was_taken_out_is_in_the_record_and_lmms_eval_takes_out_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    from lmms_eval.utils import load_yaml_config

    monkeypatch.setenv("CROSS_JUDGE", "offline")
    config = load_yaml_config(str(tasks_folder() / "cross_demo.yaml"))
    assert config["reasoning_tags"] == "none"
    reasoning_tags.use_tags_of_the_command_line(LMMS_EVALS_DEFAULT)
    (row, other, *_) = rows_of(session.data_for(DEMO))
    ((answer,), (plain,)) = Answers().apply([["<analysis>Red?</analysis>Take red."], ["Take red."]], None)
    record = process_results(row, [pickle.loads(pickle.dumps(answer))])[RECORD]
    record.settle()
    assert (record["response"], record["reasoning"]) == ("Take red.", "<analysis>Red?</analysis>")
    assert read_record(record).reasoning == "<analysis>Red?</analysis>"
    without = process_results(other, [plain])[RECORD]
    without.settle()
    assert "reasoning" not in without


def test_reasoning_of_a_run_that_only_collected_answers_is_found_in_its_raw_texts(tmp_path: Path) -> None:
    (row, *_) = rows_of(session.data_for(DEMO))
    raw = "<think>Red?</think>Take red."
    logged = {"doc_id": 0, "target": row["norm"], "input": row["query"], "filtered_resps": ["Take red."]}
    file = write_rows(samples_file(tmp_path, "cross_demo"), [{**logged, "resps": [[raw]]}])
    (answer,) = run_answers(load_run(file))["cross_demo"]
    assert (answer.response.text, answer.response.reasoning) == ("Take red.", "<think>Red?</think>")


def test_half_a_character_stands_neither_in_the_answer_nor_in_the_text_that_lmms_eval_logs_beside_it() -> None:
    raw = ["<think>half \ud83d</think>half \ud83d"]
    ((answer,),) = Answers().apply([raw], None)
    assert (answer, answer.reasoning) == ("half \ufffd", "<think>half \ufffd</think>")
    assert raw == ["<think>half \ufffd</think>half \ufffd"]


@pytest.mark.long
def test_lmms_eval_strips_an_answer_and_what_was_taken_out_stays_with_it() -> None:
    from lmms_eval.api.task import ConfigurableTask

    given: list[object] = []
    task = SimpleNamespace(
        OUTPUT_TYPE="generate_until",
        config=SimpleNamespace(
            process_results=lambda doc, results: given.extend(results), process_results_use_image=True
        ),
    )
    ((answer,),) = Answers().apply([["<think>hm</think> Take tulips. "]], None)
    ConfigurableTask.process_results(task, {}, [answer])
    (arrived,) = given
    assert (arrived, getattr(arrived, "reasoning", None)) == ("Take tulips.", "<think>hm</think>")
