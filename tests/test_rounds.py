"""`run --rounds`: a seed and a folder a round, one row in the report, one side in a comparison."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.benchmark.splits import DEMO
from lmms_eval_cross.cli import main
from lmms_eval_cross.compare.inputs import load_side
from lmms_eval_cross.compare.round_means import round_means, spread_sentence
from lmms_eval_cross.errors import RunError, SettingsError
from lmms_eval_cross.harness import rounds_of_process
from lmms_eval_cross.harness.paper_preset import paper_rounds
from lmms_eval_cross.harness.rounds_command import run_rounds
from lmms_eval_cross.report.build import build_report
from lmms_eval_cross.report.page import render_page
from lmms_eval_cross.report.page_options import PageOptions
from lmms_eval_cross.report.report_json import report_json, to_text
from lmms_eval_cross.report.report_markdown import markdown
from lmms_eval_cross.report.round_spread import table_over_rounds
from lmms_eval_cross.report.scores import score_table
from lmms_eval_cross.report.tables import csv_tables
from lmms_eval_cross.runs.run_files import load_run
from lmms_eval_cross.runs.run_rounds import begin_rounds, load_as_one, load_rounds, round_folder
from tests.conftest import ROOT
from tests.made_runs import cross_samples, draw, with_failures, write_run
from tests.run_folders import predicted_rows, samples_file, save_run, write_rows
from tests.runs import samples_in

pytestmark = pytest.mark.long

SAMPLES = cross_samples()[:300]
WRITES_A_RUN = """
import json, os, sys
from pathlib import Path
from tests.made_runs import cross_samples, draw, write_run
arguments = dict(zip(sys.argv[1::2], sys.argv[2::2]))
samples = cross_samples()[:40]
for evaluation in json.loads(Path(arguments["--config"]).read_text()):
    with open("asked", "a") as file:
        file.write(json.dumps(evaluation | {"pid": os.getpid()}) + "\\n")
    seed = evaluation["seed"][0]
    if os.environ.get("DIES_IN") == str(seed):
        os.kill(os.getpid(), 9)
    answers = {sample.sample_id: f"Answer {seed}." for sample in samples}
    write_run(Path(evaluation["output_path"]), samples, draw(samples, 0.8, seed), responses=answers)
"""


def made_rounds(folder: Path, drop: float = 0.0) -> Path:
    """Three rounds of one model, with other answers and scores each; one in a hundred verdicts failed."""
    begin_rounds(folder, 3, "c0ffee")
    for number in (1, 2, 3):
        answers = {sample.sample_id: f"Answer {number}." for sample in SAMPLES}
        scores = with_failures(draw(SAMPLES, 0.8, 0, drop, flips=0.2 * number), 0.01, number)
        write_run(round_folder(folder, number), SAMPLES, scores, responses=answers)
    return folder


def scores_by_hand(folder: Path) -> Any:
    """Shape (3 rounds, samples, 4 dimensions)."""
    rounds = []
    for number in (1, 2, 3):
        answers = load_run(round_folder(folder, number)).answers
        rounds.append([[getattr(answer.outcomes[name], "score", np.nan) for name in DIMENSIONS] for answer in answers])
    return np.array(rounds, dtype=float)


# ---- running --------------------------------------------------------------------------------------------------------


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands for a launcher's command; what it starts writes a run with the scores of its seed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(ROOT))
    (tmp_path / "launch.py").write_text(WRITES_A_RUN, encoding="utf-8")
    return [sys.executable, "launch.py", "--model", "openai", "--gen_kwargs", "temperature=1"]


def test_every_round_has_a_seed_and_a_folder(command: list[str], tmp_path: Path) -> None:
    ending = run_rounds([*command, "--output_path", "out"], 8, 3)
    assert (ending.exit_code, ending.sentence) == (0, "out holds 3 complete rounds.")
    for number, evaluation in enumerate(asked_in(tmp_path), start=1):
        assert evaluation["gen_kwargs"] == f"temperature=1,seed={number}"
        assert evaluation["seed"] == [number] * 4
        assert evaluation["output_path"] == f"out/round-{number}"
    assert len({evaluation["pid"] for evaluation in asked_in(tmp_path)}) == 1, "one process for all"
    assert [run.name for run in load_rounds(tmp_path / "out")] == ["out/round-1", "out/round-2", "out/round-3"]
    assert load_side([tmp_path / "out"]).same_rounds == []


def test_a_round_that_died_ends_the_command_which_goes_on_from_there_when_typed_again(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [*command, "--output_path", "out"]
    monkeypatch.setenv("DIES_IN", "2")
    ending = run_rounds(arguments, 8, 3)
    assert ending.exit_code == 3
    assert "Of 3 rounds in out number 2 has no run; lmms-eval was ended by signal 9" in ending.sentence
    monkeypatch.delenv("DIES_IN")
    assert run_rounds(arguments, 8, 3).exit_code == 0
    assert [evaluation["seed"][0] for evaluation in asked_in(tmp_path)] == [1, 2, 2, 3]
    with pytest.raises(RunError, match="holds rounds of another command"):
        run_rounds([*arguments, "--limit", "4"], 8, 3)


def test_a_config_of_one_evaluation_is_repeated_and_of_several_is_refused(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("- {model: openai, tasks: cross_demo, gen_kwargs: temperature=1}\n")
    launcher = command[:2]
    assert run_rounds([*launcher, "--config", "one.yaml", "--output_path", "out"], 8, 2).exit_code == 0
    for number, evaluation in enumerate(asked_in(tmp_path), start=1):
        assert (evaluation["tasks"], evaluation["gen_kwargs"]) == ("cross_demo", f"temperature=1,seed={number}")
    for content, rule in (
        ("[{tasks: a}, {tasks: b}]", "holds 2 evaluations"),
        ("a", "holds 1 evaluations"),
        ("{seed: 3}", "leave yours away"),
        ("{", "can't be read"),
    ):
        (tmp_path / "other.yaml").write_text(content)
        with pytest.raises(SettingsError, match=rule):
            run_rounds([*launcher, "--config", "other.yaml", "--output_path", "other"], 8, 2)


def asked_in(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "asked").read_text(encoding="utf-8").splitlines()]


def test_rounds_want_a_folder_and_seeds_of_their_own(command: list[str], tmp_path: Path) -> None:
    for extra in (["--seed", "7"], ["--gen_kwargs=temperature=1,seed=7"]):
        with pytest.raises(SettingsError, match="leave yours away"):
            run_rounds([*command, *extra], 8, 3)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").touch()
    with pytest.raises(RunError, match="is not empty, and rounds want a folder of their own"):
        run_rounds([*command, "--output_path", "full"], 8, 3)


def test_rounds_at_temperature_0_are_said_to_be_one(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    run_rounds([*command[:4], "--output_path", "cold"], 8, 1)
    assert "at temperature 0 the 1 rounds of a deterministic model are one round" in capsys.readouterr().err
    run_rounds([*command, "--output_path", "warm"], 8, 1)
    assert "at temperature 0" not in capsys.readouterr().err


class Loaded:
    """A model whose weights lmms-eval removes after an evaluation, as its base class does."""

    def __init__(self) -> None:
        self.weights: list[int] | None = [1]

    def clean(self) -> None:
        self.weights = None


def test_the_model_is_loaded_once_and_keeps_its_weights_until_the_last_round(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[Loaded] = []

    def make(cls: type, arguments: str) -> Loaded:
        loaded.append(Loaded())
        return loaded[-1]

    monkeypatch.setattr(rounds_of_process, "_made", {})
    monkeypatch.setenv("CROSS_RUN_ROUND", "")
    rounds = {f"out/{number}": {"CROSS_RUN_ROUND": str(number)} for number in (1, 2)}
    monkeypatch.setenv("CROSS_RUN_ROUNDS", json.dumps(rounds))
    for output, is_there in (("out/1", True), ("out/2", False)):
        with rounds_of_process.in_round(output):
            model = rounds_of_process.made_once(make, Loaded, "pretrained=x")
            model.clean()
        assert (model.weights is not None) == is_there
    assert len(loaded) == 1
    monkeypatch.delenv("CROSS_RUN_ROUNDS")
    assert rounds_of_process.made_once(make, Loaded, "pretrained=x") is loaded[1]


def test_a_round_that_fails_ends_the_process_before_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds_of_process, "_failed", set())
    monkeypatch.setenv("CROSS_RUN_ROUNDS", json.dumps({"out/1": {}, "out/2": {}}))
    with pytest.raises(MemoryError), rounds_of_process.in_round("out/1"):
        raise MemoryError
    with pytest.raises(SystemExit), rounds_of_process.in_round("out/2"):
        raise AssertionError("not begun")


# ---- reading --------------------------------------------------------------------------------------------------------


def test_a_command_that_reads_one_run_names_the_rounds(tmp_path: Path) -> None:
    folder = made_rounds(tmp_path / "model")
    with pytest.raises(RunError, match=r"holds several rounds; name one of them, such as .*round-1"):
        load_run(folder)
    begin_rounds(tmp_path / "begun", 2, "c0ffee")
    with pytest.raises(RunError, match="holds 0 of its 2 rounds"):
        load_rounds(tmp_path / "begun")
    (tmp_path / "begun" / "rounds.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RunError, match="is not of schema 'cross-rounds/1'"):
        load_rounds(tmp_path / "begun")


def test_a_folder_of_rounds_is_one_side(tmp_path: Path) -> None:
    side = load_side([made_rounds(tmp_path / "model")])
    by_hand = 100 * np.nanmean(scores_by_hand(tmp_path / "model"), axis=1)
    for place, name in enumerate(DIMENSIONS):
        assert round_means(side, place) == pytest.approx(by_hand[:, place])
        expected = f"{name} {by_hand[:, place].mean():.1f} (sd {by_hand[:, place].std(ddof=1):.1f})"
        assert expected in spread_sentence("candidate", side)


def test_rounds_are_one_row_whose_samples_are_means_over_rounds(tmp_path: Path) -> None:
    folder = made_rounds(tmp_path / "model")
    (model,) = build_report([load_as_one(folder)], min_coverage=90).models
    by_hand = scores_by_hand(folder)
    assert model.label == "model"
    assert model.rounds == 3
    assert len(model.answers) == len(SAMPLES)
    assert model.coverage == pytest.approx(100 * np.mean(~np.isnan(by_hand)))
    for place, name in enumerate(DIMENSIONS):
        assert model.dimensions[name].mean == pytest.approx(100 * np.nanmean(np.nanmean(by_hand, axis=0)[:, place]))
        spread = next(spread for spread in model.spread if spread.measure == name)
        of_rounds = 100 * np.nanmean(by_hand[:, :, place], axis=1)
        assert spread.means == pytest.approx(tuple(of_rounds))
        assert (spread.mean, spread.deviation) == pytest.approx((of_rounds.mean(), of_rounds.std(ddof=1)))


def test_a_sample_without_a_score_in_any_round_has_none_over_them(tmp_path: Path) -> None:
    run = load_run(round_folder(made_rounds(tmp_path / "model"), 1))
    table = score_table(run.answers)
    for column in table.columns.values():
        column[0] = np.nan
    merged = table_over_rounds([table, table])
    assert np.isnan(merged.columns["compliance"][0])
    assert np.array_equal(merged.columns["compliance"], table.columns["compliance"], equal_nan=True)
    assert table_over_rounds([table]) is table


def test_every_output_of_the_report_has_the_rounds(tmp_path: Path) -> None:
    other = write_run(tmp_path / "other", SAMPLES, draw(SAMPLES, 0.8, 5))
    report = build_report([load_as_one(made_rounds(tmp_path / "model")), load_as_one(other)], min_coverage=90)
    spread = report.models[0].spread[0]
    document = json.loads(to_text(report_json(report)))
    schema = json.loads((ROOT / "lmms_eval_cross/report/schema.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(document)
    assert [model["rounds"] for model in document["models"]] == [3, 1]
    assert document["models"][0]["spread"][0]["deviation"] == pytest.approx(spread.deviation, abs=1e-5)
    assert csv_tables(report)["rounds.csv"].splitlines()[1].startswith("model,awareness,1,")
    page, summary = render_page(report, PageOptions(images=False)), markdown(report)
    assert "3 rounds" in page
    assert "| model | 3 |" in summary
    plain = build_report([load_as_one(other)], min_coverage=90)
    assert "rounds.csv" not in csv_tables(plain)
    assert "Rounds" not in markdown(plain)


def test_rounds_that_two_judges_judged_are_no_row(tmp_path: Path) -> None:
    folder = made_rounds(tmp_path / "model")
    for file in round_folder(folder, 2).iterdir():
        file.unlink()
    write_run(round_folder(folder, 2), SAMPLES, draw(SAMPLES, 0.8, 0), judge_id="judge-2")
    with pytest.raises(RunError, match="model/round-2 was judged otherwise than model"):
        build_report([load_as_one(folder)], min_coverage=90)


def test_judge_judges_every_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    samples = samples_in(session.data_for(DEMO))
    begin_rounds(tmp_path / "model", 2, "c0ffee")
    for number in (1, 2):
        folder = save_run(load_run(_predicted(tmp_path / str(number), samples, f"Take {number}.")), tmp_path / "unused")
        folder.rename(round_folder(tmp_path / "model", number))
    done = judge(tmp_path / "model")
    assert done.exit_code == 0, done.output
    assert [len(run.judged_answers) for run in load_rounds(tmp_path / "model")] == [12, 12]
    assert judge(tmp_path / "model", "--anew", "-o", tmp_path / "again").exit_code == 0
    assert len(load_rounds(tmp_path / "again")) == 2


def test_judge_takes_a_judged_task_that_has_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    samples = samples_in(session.data_for(DEMO))
    assert judge(_predicted(tmp_path / "run", samples, "Take it.")).exit_code == 0
    (results,) = (tmp_path / "run").glob("*_results.json")
    (rows,) = (tmp_path / "run").glob(results.name.replace("_results.json", "_samples_cross_demo.jsonl"))
    rows.rename(rows.with_name(rows.name.replace("cross_demo", "my_scenes")))
    results.write_text(results.read_text(encoding="utf-8").replace('"cross_demo"', '"my_scenes"'), encoding="utf-8")
    done = judge(tmp_path / "run", "--anew", "-o", tmp_path / "again")
    assert done.exit_code == 0, done.output
    assert "my_scenes: awareness" in done.output


def _predicted(folder: Path, samples: list[Any], answer: str) -> Path:
    folder.mkdir()
    return write_rows(samples_file(folder, "cross_demo"), predicted_rows([(sample, answer) for sample in samples]))


def judge(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["judge", *map(str, arguments)])


API = ["--model", "cross_api", "--tasks", "cross", "--model_args"]


def test_the_papers_preset_is_three_rounds_and_asks_for_what_the_release_leaves_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert paper_rounds([*API, "model=o3,max_new_tokens=4096"], None) == 3
    assert paper_rounds(["--model", "openai", "--gen_kwargs", "temperature=1,max_new_tokens=9"], 3) == 3
    with pytest.raises(SettingsError, match="--rounds is 5, and the paper has 3"):
        paper_rounds([*API, "model=o3,max_new_tokens=4096"], 5)
    with pytest.raises(SettingsError, match="does not say how long answers may be"):
        paper_rounds([*API, "model=o3"], None)
    with pytest.raises(SettingsError, match="sets no temperature, as the release sets none"):
        paper_rounds(["--model", "openai", "--gen_kwargs", "max_new_tokens=9"], None)
    monkeypatch.setenv("CROSS_JUDGE_PROFILE", "joint")
    with pytest.raises(SettingsError, match="CROSS_JUDGE_PROFILE is joint"):
        paper_rounds([*API, "model=o3,max_new_tokens=4096"], None)
