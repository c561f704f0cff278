"""The main job, on the real command line: lmms-eval with our tasks against a judge on the loopback."""

import ast
import base64
import json
import os
import re
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lmms_eval_cross.data.prepared import Prepared
from lmms_eval_cross.data.preparing import prepare
from lmms_eval_cross.errors import ending_with_a_sentence
from lmms_eval_cross.harness import preflight
from lmms_eval_cross.ledger.run_lines import runs_in
from lmms_eval_cross.ledger.store import Ledger
from tests.conftest import Run
from tests.judge_server import DIMENSIONS, Answer, Asked, JudgeServer, judge_by_answer, score_of
from tests.runs import METRICS, TASKS, answer_for, read_results, read_samples, rows_of, write_responses

OFFICIAL = {"awareness": "Awareness", "education": "Education", "compliance": "Violation", "helpfulness": "Helpfulness"}


@pytest.fixture
def responses(prepared: Prepared, tmp_path: Path) -> Path:
    return write_responses(tmp_path / "responses.jsonl", [row["sample_id"] for row in rows_of(prepared)])


def replay(responses: Path, output: Path, tasks: str = "cross") -> list[str]:
    model = ["--model", "cross_replay", "--model_args", f"responses={responses}"]
    return [*model, "--tasks", tasks, "--output_path", str(output), "--log_samples"]


def expected_score(dimension: str, sample_id: str) -> int:
    number = score_of(answer_for(sample_id), OFFICIAL[dimension])
    return 1 - number if dimension == "compliance" else number


def expected_means(rows: list[dict[str, Any]]) -> dict[str, float]:
    means = {name: 100 * sum(expected_score(name, row["sample_id"]) for row in rows) / len(rows) for name in OFFICIAL}
    return {**means, "coverage": 100.0}


def official_body(standin: Path, row: dict[str, Any], dimension: str) -> dict[str, Any]:
    """The request as the official script would send it, built here by running its own f-string."""
    tree = ast.parse((standin / "code" / "evaluation.py").read_text(encoding="utf-8"))
    constants: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            constants[node.targets[0].id] = ast.literal_eval(node.value)
    template = next(n for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) and len(n.values) > 3)
    values = {
        "user_query": row["query"],
        "violated_norm": row["norm"],
        "model_output": answer_for(row["sample_id"]),
        "prompt": constants["DIMENSION_PROMPTS"][dimension],
    }
    text = eval(compile(ast.Expression(template), "f-string", "eval"), values)  # the official f-string itself
    image = (standin / "images" / row["subset"] / row["image_name"]).read_bytes()
    mime = "image/png" if image.startswith(b"\x89PNG") else "image/jpeg"
    url = f"data:{mime};base64,{base64.b64encode(image).decode()}"
    content = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": url}}]
    return {
        "model": "gpt-4o-2024-08-06",
        "messages": [
            {"role": "system", "content": constants["SYSTEM_PROMPT"]},
            {"role": "user", "content": content},
        ],
        "temperature": 0,
    }


def canonical(body: dict[str, Any]) -> str:
    return json.dumps(body, sort_keys=True)


def test_a_run_scores_every_sample_as_the_judge_did(
    standin: Path,
    prepared: Prepared,
    responses: Path,
    judged_by: JudgeServer,
    lmms_eval: Run,
    bare_environment: Path,
    tmp_path: Path,
) -> None:
    first = lmms_eval(*replay(responses, tmp_path / "first"))
    assert first.returncode == 0, first.stderr
    rows = rows_of(prepared)

    wanted = Counter(canonical(official_body(standin, row, dimension)) for row in rows for dimension in DIMENSIONS)
    assert Counter(canonical(asked.body) for asked in judged_by.judged) == wanted
    assert {asked.headers["authorization"] for asked in judged_by.asked} == {"Bearer sk-test"}

    with closing(Ledger(bare_environment / "ledger.sqlite")) as ledger:
        (line,) = runs_in(ledger)
    assert (line.model, line.tasks, line.folder) == ("cross_replay responses", "cross", "first")
    assert (line.samples, line.verdicts, line.failures) == (len(rows), 4 * len(rows), 0)

    samples = read_samples(tmp_path / "first")
    assert sorted(sample["cross"]["sample_id"] for sample in samples) == sorted(row["sample_id"] for row in rows)
    for sample in samples:
        record = sample["cross"]
        for dimension in OFFICIAL:
            score = expected_score(dimension, record["sample_id"])
            assert record["dimensions"][dimension]["score"] == score
            assert sample[dimension]["score"] == 100 * score
        assert record["response"] == answer_for(record["sample_id"])
        assert record["provenance"]["rubric_sha256"] == prepared.rubric.sha256
        assert record["provenance"]["partial"] is True

    results = read_results(tmp_path / "first")
    for task in TASKS:
        split = (
            task.removeprefix("cross_") if task.endswith("multilingual") else f"{task.removeprefix('cross_')}_english"
        )
        of_task = [row for row in rows if f"{row['subset']}_{row['setting']}" == split]
        for metric, mean in expected_means(of_task).items():
            assert results["results"][task][f"{metric},none"] == pytest.approx(mean)
        assert results["results"][task]["alias"].strip(" -") == f"{task} (partial data)"
        assert results["configs"][task]["metadata"]["data_sha256"] == prepared.manifest.sha256[split]
        assert results["configs"][task]["metadata"]["judge_id"] == "gpt-4o-2024-08-06"
    for metric, mean in expected_means(rows).items():
        assert results["groups"]["cross"][f"{metric},none"] == pytest.approx(mean)
    for line in (r"\| *- cross_casa \(partial data\) *\|none *\| *0\|compliance", r"\|cross \(partial data\) *\|none"):
        assert re.search(line, first.stdout)

    judge_usage = results["usage"]["by_source"]["judge"]
    assert judge_usage["n_api_calls"] == sum(wanted.values())
    assert judge_usage["input_tokens"] == 100 * sum(wanted.values()), "the server counts 100 tokens a request"

    written = "".join(file.read_text(encoding="utf-8") for file in (tmp_path / "first").rglob("*") if file.is_file())
    assert str(bare_environment) not in written, "CROSS_HOME has no place in a result file"
    assert "sk-test" not in written + first.stdout + first.stderr

    calls = len(judged_by.judged)
    again = lmms_eval(*replay(responses, tmp_path / "again"))
    assert again.returncode == 0, again.stderr
    assert len(judged_by.judged) == calls, "running the same thing again makes no call"
    assert read_results(tmp_path / "again")["groups"] == results["groups"]


def test_two_ranks_score_as_one_and_join_every_verdict_to_its_own_sample(
    prepared: Prepared, responses: Path, judged_by: JudgeServer, run: Run, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", "29613"]
    done = run(*command, "-m", "lmms_eval", *replay(responses, tmp_path / "out", "cross_casa,cross_safeworld"))
    assert done.returncode == 0, done.stderr

    rows = [row for row in rows_of(prepared) if row["setting"] == "english"]
    samples = read_samples(tmp_path / "out")
    assert sorted(sample["cross"]["sample_id"] for sample in samples) == sorted(row["sample_id"] for row in rows)
    for sample in samples:
        for dimension in OFFICIAL:
            assert sample[dimension]["score"] == 100 * expected_score(dimension, sample["cross"]["sample_id"])
    asked = Counter((each.response, each.dimension) for each in judged_by.judged)
    assert asked == Counter((answer_for(row["sample_id"]), name) for row in rows for name in DIMENSIONS)
    results = read_results(tmp_path / "out")["results"]
    for subset in ("casa", "safeworld"):
        of_task = [row for row in rows if row["subset"] == subset]
        for metric, mean in expected_means(of_task).items():
            assert results[f"cross_{subset}"][f"{metric},none"] == pytest.approx(mean)


def test_a_failing_judge_lowers_coverage_and_no_score(
    prepared: Prepared, responses: Path, judged_by: JudgeServer, lmms_eval: Run, tmp_path: Path
) -> None:
    def fails_on_education_and_all_of_japan(asked: Asked) -> Answer:
        if asked.dimension == "Education" or "Japan" in asked.response:
            return Answer(status=400, error={"message": "the image is not to my liking"})
        return judge_by_answer(asked)

    judged_by.script = fails_on_education_and_all_of_japan
    done = lmms_eval(*replay(responses, tmp_path / "out", "cross_english"))
    assert done.returncode == 0, done.stderr
    rows = [row for row in rows_of(prepared) if row["setting"] == "english"]
    scored = [row for row in rows if "Japan" not in row["sample_id"]]
    results = read_results(tmp_path / "out")
    casa = [row for row in scored if row["subset"] == "casa"]
    assert results["results"]["cross_casa"]["awareness,none"] == pytest.approx(expected_means(casa)["awareness"])
    assert results["results"]["cross_casa"]["education,none"] is None
    assert results["groups"]["cross_english"]["education,none"] is None
    assert results["groups"]["cross_english"]["coverage,none"] == pytest.approx(100 * 3 * len(scored) / (4 * len(rows)))
    failed = [s["cross"]["dimensions"]["education"] for s in read_samples(tmp_path / "out")]
    assert {(each["score"], each["reason"]) for each in failed} == {(None, "rejected")}
    assert "not to my liking" in failed[0]["detail"]


def test_any_model_is_judged_and_plugin_and_include_path_do_not_clash(
    prepared: Prepared,
    judged_by: JudgeServer,
    lmms_eval: Run,
    cross: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("LMMS_EVAL_PLUGINS", "lmms_eval_cross")
    folder = cross("tasks").stdout.strip()
    options = ["--model", "dummy", "--tasks", "cultural_safety", "--limit", "2", "--include_path", folder]
    done = lmms_eval(*options, "--output_path", str(tmp_path / "out"), "--log_samples")
    assert done.returncode == 0, done.stderr
    samples = read_samples(tmp_path / "out")
    assert len(samples) == 2 * len(TASKS)
    for sample in samples:
        for dimension, official in OFFICIAL.items():
            number = score_of("A", official)
            assert sample["cross"]["dimensions"][dimension]["score"] == (
                1 - number if official == "Violation" else number
            )


@pytest.mark.long
@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        ({"prepare": False}, "type `lmms-eval-cross prepare --source path/to/CROSS` first"),
        ({"CROSS_JUDGE_API_KEY": None}, "set CROSS_JUDGE_API_KEY, to `none` if the server takes no key"),
        ({"keys": {"sk-other"}}, "refuses the key in CROSS_JUDGE_API_KEY"),
        ({"CROSS_JUDGE_MODEL": "gpt-9"}, "has no model 'gpt-9'"),
        ({"CROSS_JUDGE_BASE_URL": "http://127.0.0.1:9/v1"}, "can't be reached"),
        ({"CROSS_JUDGE_CONCURRENCY": "0"}, "CROSS_JUDGE_CONCURRENCY must be greater than or equal to 1, got '0'"),
    ],
)
def test_what_can_be_checked_is_checked_before_a_model_is_made(
    spoil: dict[str, Any],
    sentence: str,
    standin: Path,
    judged_by: JudgeServer,
    bare_environment: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoil = dict(spoil)
    if spoil.pop("prepare", True):
        prepare(bare_environment, str(standin), say=lambda _: None)
    judged_by.keys = spoil.pop("keys", None)
    for name, value in spoil.items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as stopped, ending_with_a_sentence():
        preflight.check({"casa_english"})
    assert stopped.value.code == 2
    assert sentence in capsys.readouterr().err
    assert not judged_by.judged


def test_a_wrong_key_ends_the_command_with_one_request_and_exit_code_2(
    responses: Path, judged_by: JudgeServer, lmms_eval: Run, tmp_path: Path
) -> None:
    judged_by.keys = {"sk-other"}
    done = lmms_eval(*replay(responses, tmp_path / "out"))
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("lmms-eval-cross: ")]
    assert "refuses the key in CROSS_JUDGE_API_KEY" in line
    assert "sk-test" not in line
    assert "Traceback" not in done.stderr
    assert len(judged_by.asked) == 1


def test_both_ranks_stop_when_nothing_is_prepared(responses: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_HOME", os.environ["CROSS_HOME"] + "-empty")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", "29614"]
    started = time.monotonic()
    done = run(*command, "-m", "lmms_eval", *replay(responses, Path("out"), "cross"), timeout=120)
    assert done.returncode != 0
    assert "type `lmms-eval-cross prepare" in done.stderr
    assert time.monotonic() - started < 90, "imports included; nobody waits at a barrier"


def test_simple_evaluate_finds_the_tasks_and_raises_the_same_sentence(
    prepared: Prepared, responses: Path, judged_by: JudgeServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = f"""
from lmms_eval.evaluator import simple_evaluate
from lmms_eval_cross.errors import CrossError
import os
arguments = dict(model="cross_replay", model_args="responses={responses}", tasks=["cross_safeworld"], batch_size=1)
results = simple_evaluate(**arguments)
print("MEAN", results["results"]["cross_safeworld"]["compliance,none"])
os.environ["CROSS_JUDGE_MODEL"] = "gpt-9"
try:
    simple_evaluate(**arguments)
except CrossError as error:
    print("RAISED", error)
"""
    done = run(sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr
    rows = [row for row in rows_of(prepared) if row["subset"] == "safeworld" and row["setting"] == "english"]
    assert f"MEAN {expected_means(rows)['compliance']}" in done.stdout
    assert re.search(r"RAISED .* has no model 'gpt-9'", done.stdout)


def test_a_changed_inside_of_lmms_eval_costs_a_sentence_and_nobody_elses_tasks(run: Run) -> None:
    code = """
import lmms_eval.tasks
del lmms_eval.tasks.TaskManager.match_tasks
from lmms_eval import models
print(sorted(set(models.AVAILABLE_MODELS) & {"dummy", "cross_replay"}))
print("mme" in lmms_eval.tasks.TaskManager().all_tasks)
"""
    done = run(sys.executable, "-c", code)
    assert done.stdout.splitlines()[-2:] == ["['cross_replay', 'dummy']", "True"], done.stderr
    assert '--include_path "$(lmms-eval-cross tasks)"' in done.stderr


def test_every_metric_of_the_tables_is_ours_to_give() -> None:
    assert set(METRICS) == {*OFFICIAL, "coverage"}
