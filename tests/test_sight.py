"""A judge that does not see is found out before its first verdict."""

from pathlib import Path

import pytest

from lmms_eval_cross.data.demo_split import prepare_demo
from lmms_eval_cross.errors import JudgeSetupError
from lmms_eval_cross.judge import sight
from lmms_eval_cross.judging import check_judge
from lmms_eval_cross.settings import load_settings
from tests.command import cross
from tests.judge_server import Answer, JudgeServer
from tests.run_folders import STAMP, predicted_rows, samples_file, write_rows
from tests.runs import samples_in
from tests.scenes import completion


@pytest.mark.long
def test_a_judge_that_reads_the_word_is_asked_once_for_an_endpoint_model_and_profile(
    judged_by: JudgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_judge(load_settings())
    check_judge(load_settings())
    assert len(judged_by.shown) == 1
    assert judged_by.shown[0].body["messages"][0]["content"][0] == {"type": "text", "text": sight.QUESTION}
    monkeypatch.setenv("CROSS_JUDGE_PROFILE", "joint")
    check_judge(load_settings())
    check_judge(load_settings())
    assert len(judged_by.shown) == 2
    assert judged_by.shown[1].body["messages"][0]["content"][1] == {"type": "text", "text": sight.QUESTION}


def test_a_server_that_drops_pictures_ends_in_a_sentence_after_three_words(judged_by: JudgeServer) -> None:
    judged_by.sees, judged_by.script = False, lambda _: Answer("It shows a cat.")
    with pytest.raises(
        JudgeSetupError, match=r"does not see pictures: shown the word '\w+', it answered 'It shows a cat"
    ) as told:
        check_judge(load_settings())
    assert "CROSS_JUDGE_SEES=assume" in str(told.value)
    assert len({asked.image for asked in judged_by.judged}) == sight.READINGS


def test_a_judge_that_reads_badly_once_is_asked_with_another_word(judged_by: JudgeServer) -> None:
    judged_by.sees, answers = False, iter(["button?"])

    def script(asked: object) -> Answer:
        judged_by.sees = True
        return Answer(next(answers).replace("button", "shutter"))

    judged_by.script = script
    check_judge(load_settings())
    assert (len(judged_by.judged), len(judged_by.shown)) == (1, 1)


def test_a_word_that_is_only_thought_is_not_read(judged_by: JudgeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sight, "WORDS", ("anchor", "basket", "button"))
    thought = {"content": "I can't tell.", "reasoning_content": "Anchor? Basket? Button?"}
    judged_by.sees, judged_by.script = False, lambda _: completion(thought)
    with pytest.raises(JudgeSetupError, match="does not see pictures"):
        check_judge(load_settings())


def test_few_tokens_are_a_hint(judged_by: JudgeServer) -> None:
    few = {"prompt_tokens": 31, "completion_tokens": 5}
    judged_by.sees, judged_by.script = False, lambda _: completion({"content": "A dog."}, usage=few)
    with pytest.raises(JudgeSetupError, match="counted 31 tokens, too few for a picture"):
        check_judge(load_settings())


@pytest.mark.long
@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "This model takes no images."),
        (500, "image input is not supported"),
        (404, "No endpoint of this model takes pictures"),
    ],
)
def test_an_endpoint_that_refuses_pictures_is_quoted(judged_by: JudgeServer, status: int, said: str) -> None:
    judged_by.sees = False
    judged_by.script = lambda _: Answer(status=status, error={"message": said}, headers={"retry-after-ms": "1"})
    with pytest.raises(JudgeSetupError, match=f"answered {status}: {said.rstrip('.')}; choose a model that takes pict"):
        check_judge(load_settings())


def test_who_knows_better_may_say_so_and_results_repeat_it(
    judged_by: JudgeServer, monkeypatch: pytest.MonkeyPatch, bare_environment: Path
) -> None:
    from lmms_eval_cross import session
    from lmms_eval_cross.harness.table_labels import table_label

    judged_by.sees = False
    monkeypatch.setenv("CROSS_JUDGE_SEES", "assume")
    check_judge(load_settings())
    assert judged_by.judged == []
    assert table_label("demo", [session.provenance_for("demo")]) == "demo (that the judge sees is assumed)"
    monkeypatch.setenv("CROSS_JUDGE_SEES", "ask")
    assert table_label("demo", [session.provenance_for("demo")]) == "demo"


def test_a_blind_judge_ends_the_command_with_exit_code_2_and_writes_nothing(
    judged_by: JudgeServer, bare_environment: Path, tmp_path: Path
) -> None:
    samples = samples_in(prepare_demo(bare_environment))
    write_rows(samples_file(tmp_path, "cross_demo"), predicted_rows((each, "An answer.") for each in samples))
    (tmp_path / f"{STAMP}_results.json").write_text('{"results": {"cross_demo": {"alias": "cross_demo"}}}')
    judged_by.sees, judged_by.script = False, lambda _: Answer("It shows a cat.")
    result = cross("judge", tmp_path, "-o", tmp_path / "judged")
    assert result.exit_code == 2
    assert "does not see pictures" in result.output
    assert not (tmp_path / "judged").exists()


def test_the_words_in_pictures_differ_and_no_picture_names_its_word() -> None:
    pictures = {word: sight.picture_of(word).data for word in sight.WORDS}
    assert len(set(pictures.values())) == len(sight.WORDS)
    assert not [word for word, data in pictures.items() if word.encode() in data]
