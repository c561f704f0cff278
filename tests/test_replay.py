"""`--model cross_replay`: responses that don't fit end lmms-eval with a sentence and exit code 2."""

from pathlib import Path

import pytest

from tests.conftest import Run

BARE = '{"sample_id": "demo/english/nobody/1", "response": "Yes."}\n'


@pytest.mark.parametrize(
    ("arguments", "content", "sentence"),
    [
        ([], None, "cross_replay was given no responses; add --model_args responses=FILE.jsonl."),
        (["--model_args", "responses=r.jsonl"], None, "r.jsonl is not a file; give --model_args responses=FILE.jsonl."),
        (["--model_args", "responses=r.jsonl"], BARE, "12 samples have no recorded response: demo/"),
        (["--model_args", "responses=r.jsonl"], "{}\n", 'r.jsonl, line 1 is not {"sample_id", "response"}'),
    ],
)
def test_responses_that_do_not_fit_end_the_run_with_a_sentence_and_exit_code_2(
    lmms_eval: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments, content, sentence
) -> None:
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    work = tmp_path / "work"
    work.mkdir()
    if content:
        (work / "r.jsonl").write_text(content)
    done = lmms_eval("--model", "cross_replay", *arguments, "--tasks", "cross_demo", "--output_path", "out")
    assert done.returncode == 2, done.stderr
    assert f"lmms-eval-cross: {sentence}" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(work.glob("out/**/*.json"))
