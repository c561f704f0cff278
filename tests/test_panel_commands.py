"""A panel of judges in the commands: runs, reports, agreement, resuming, and what has no panel."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from sklearn.metrics import accuracy_score, cohen_kappa_score

from lmms_eval_cross.benchmark.records import DIMENSIONS, JudgeFailure, Verdict
from lmms_eval_cross.data.prepared import Prepared
from lmms_eval_cross.runs.run_files import load_run
from tests.command import compare, cross, said
from tests.conftest import ROOT, Run
from tests.judge_server import Answer, Asked, JudgeServer, judge_by_answer, read_native, score_of
from tests.panels import asked_of, model_of, other_way_round, seated
from tests.run_folders import STAMP, predicted_rows, samples_file, write_rows
from tests.runs import answer_for, read_results, read_samples, samples_in

pytestmark = pytest.mark.long

TASK = "cross_safeworld"


@dataclass(frozen=True)
class Place:
    """A run that nobody has judged, and the panel in force."""

    folder: Path
    panel: Mapping[str, JudgeServer]
    calls: int
    """That the run takes of each member."""

    @property
    def ledger(self) -> Path:
        return Path(os.environ["CROSS_HOME"]) / "ledger.sqlite"


@pytest.fixture
def place(prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    folder, samples = tmp_path / "run", samples_in(prepared, "safeworld_english")
    folder.mkdir()
    write_rows(samples_file(folder, TASK), predicted_rows((each, answer_for(each.sample_id)) for each in samples))
    results = {"results": {TASK: {"alias": TASK}}}
    (folder / f"{STAMP}_results.json").write_text(json.dumps(results), encoding="utf-8")
    with seated(monkeypatch) as panel:
        panel["cyd"].script = differs_now_and_then
        yield Place(folder, panel, len(samples) * len(DIMENSIONS))


def differs_now_and_then(asked: Asked) -> Answer:
    """Agrees with the others on most answers."""
    return (
        other_way_round(asked)
        if score_of(asked.response, "mood") and asked.dimension != "Helpfulness"
        else judge_by_answer(asked)
    )


def test_a_run_is_judged_by_a_panel_and_says_so_everywhere(place: Place, tmp_path: Path) -> None:
    done = cross("judge", place.folder)
    assert done.exit_code == 0, done.output
    results = read_newest(place.folder)
    metadata = results["configs"][TASK]["metadata"]
    assert (metadata["judge"], metadata["judge_id"]) == ("panel", "panel: judge-ann, judge-bob, judge-cyd")
    assert [member["judge_id"] for member in metadata["request"]["members"]] == ["judge-ann", "judge-bob", "judge-cyd"]
    answers = load_run(place.folder).answers
    for dimension in DIMENSIONS:
        shares = [_agreeing(answer.outcomes[dimension]) for answer in answers]
        agreement = 100 * sum(shares) / len(shares)
        assert results["results"][TASK][f"{dimension}_agreement,none"] == pytest.approx(agreement)
        assert metadata["panel_agreement"][dimension]["agreement"] == pytest.approx(agreement)
    report = report_of(place.folder, tmp_path)
    Draft202012Validator(json.loads((ROOT / "lmms_eval_cross/report/schema.json").read_text())).validate(report)
    score = report["models"][0]["dimensions"]["awareness"]
    assert score["panel"]["agreement"] == pytest.approx(metadata["panel_agreement"]["awareness"]["agreement"])
    assert (score["panel"]["low"], score["panel"]["n"]) == (None, len(answers)), "too few norms for an interval"
    assert f"agreement {score['panel']['agreement']:.1f}" in (tmp_path / "report.html").read_text(encoding="utf-8")


def _agreeing(outcome: Verdict | JudgeFailure) -> float:
    scores = [vote.outcome.score for vote in outcome.votes if isinstance(vote.outcome, Verdict)]
    return 1.0 if len(set(scores)) == 1 else 1 / 3


def read_newest(folder: Path) -> dict:
    return json.loads(max(folder.glob("*_results.json")).read_text(encoding="utf-8"))


def report_of(folder: Path, out: Path) -> dict:
    done = cross("report", folder, "-o", out / "report.html", "--json", out / "report.json")
    assert done.exit_code == 0, done.output
    return json.loads((out / "report.json").read_text(encoding="utf-8"))


def test_a_second_time_nobody_is_asked_also_without_the_ledger(place: Place) -> None:
    assert cross("judge", place.folder).exit_code == 0
    before = asked_of(place.panel)
    assert "Nothing is new" in cross("judge", place.folder).output
    place.ledger.unlink()
    assert "Nothing is new" in cross("judge", place.folder).output, "the run holds what each member said"
    assert asked_of(place.panel) == before == dict.fromkeys(place.panel, place.calls)


def test_a_member_that_comes_back_is_asked_alone(place: Place) -> None:
    well = place.panel["bob"].script
    place.panel["bob"].script = lambda _: Answer(status=402, error={"code": "insufficient_quota", "message": "empty"})
    done = cross("judge", place.folder)
    assert done.exit_code == 3
    assert "panel_incomplete" in done.output
    assert f"`lmms-eval-cross judge {place.folder}` asks members who could not be reached for the rest" in done.output
    place.panel["bob"].script = well
    asked = asked_of(place.panel)
    assert cross("judge", place.folder).exit_code == 0
    now = asked_of(place.panel)
    assert (now["ann"], now["cyd"]) == (asked["ann"], asked["cyd"]) == (place.calls, place.calls)


def test_means_show_what_missing_members_could_change(place: Place, tmp_path: Path) -> None:
    place.panel["bob"].script = lambda _: Answer(status=400)
    assert cross("judge", place.folder).exit_code == 3
    score = report_of(place.folder, tmp_path)["models"][0]["dimensions"]["awareness"]
    assert score["failed"] > 0
    assert score["worst"] < score["mean"] < score["best"]
    assert score["n"] + score["failed"] == place.calls / len(DIMENSIONS)


def test_killed_at_any_point_it_goes_on_without_paying_twice(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_JUDGE_CONCURRENCY", "2")
    for server in place.panel.values():
        server.script = slowly(server.script)
    command = [sys.executable, "-m", "lmms_eval_cross", "judge", str(place.folder)]
    for _ in range(2):
        before = sum(asked_of(place.panel).values())
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as started:
            while sum(asked_of(place.panel).values()) < before + 20 and started.poll() is None:
                time.sleep(0.01)
            started.send_signal(signal.SIGKILL)
    assert cross("judge", place.folder).exit_code == 0
    unwritten_at_the_kills = 2 * (2 + 2)  # in flight, or answered a moment ago
    for name, asked in asked_of(place.panel).items():
        assert place.calls <= asked <= place.calls + unwritten_at_the_kills, name


def slowly(script):
    def answer(asked: Asked) -> Answer:
        said = script(asked)
        said.delay_seconds = 0.03
        return said

    return answer


def test_another_panel_and_a_member_alone_are_other_judges(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cross("judge", place.folder).exit_code == 0
    monkeypatch.setenv("CROSS_PANEL_ANN_ID", "another")
    refused = cross("judge", place.folder)
    assert refused.exit_code == 2
    assert "verdicts of two judges are never mixed" in refused.output
    for name in [name for name in os.environ if name.startswith(("CROSS_PANEL_", "CROSS_JUDGE_PANEL"))]:
        monkeypatch.delenv(name)
    given = {"MODEL": model_of("ann"), "BASE_URL": place.panel["ann"].url, "API_KEY": "none"}
    for name, value in given.items():
        monkeypatch.setenv(f"CROSS_JUDGE_{name}", value)
    asked = asked_of(place.panel)
    alone = tmp_path / "alone"
    assert cross("judge", place.folder, "--anew", "-o", alone).exit_code == 0
    assert asked_of(place.panel) == asked, "what a member said in the panel it has said"
    compared = compare(place.folder, alone)
    assert compared.exit_code == 3
    assert "The judge differs" in said(compared)


def test_agree_holds_each_member_against_the_panel_and_the_others(place: Place, tmp_path: Path) -> None:
    assert cross("judge", place.folder).exit_code == 0
    done = cross("agree", place.folder, "--json", tmp_path / "agree.json")
    assert done.exit_code == 0, done.output
    report = json.loads((tmp_path / "agree.json").read_text())
    pairs = {(pair["a"], pair["b"]): pair for pair in report["pairs"]["compliance"]}
    members = ["judge-ann", "judge-bob", "judge-cyd"]
    assert list(pairs)[:3] == [("the panel", name) for name in members]
    assert len(pairs) == 6
    columns = {name: [] for name in ("the panel", *members)}
    for answer in load_run(place.folder).answers:
        columns["the panel"].append(answer.outcomes["compliance"].score)
        for vote in answer.outcomes["compliance"].votes:
            columns[vote.judge_id].append(vote.outcome.score)
    for (a, b), pair in pairs.items():
        assert pair["agreement"] == pytest.approx(accuracy_score(columns[a], columns[b]))
        if pair["kappa"] is not None:
            assert pair["kappa"] == pytest.approx(cohen_kappa_score(columns[a], columns[b]))
    assert pairs["judge-ann", "judge-bob"]["agreement"] == 1
    assert pairs["judge-ann", "judge-cyd"]["agreement"] < 1
    assert "| the panel | judge-cyd |" in done.output


def test_agree_wants_a_second_run_where_one_judge_judged(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CROSS_JUDGE_PANEL")
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    assert cross("judge", place.folder).exit_code == 0
    refused = cross("agree", place.folder)
    assert refused.exit_code == 2
    assert "which is no panel; give a second run of the same answers" in refused.output


def test_an_edited_panel_score_is_found(place: Place) -> None:
    assert cross("judge", place.folder).exit_code == 0
    file = max(place.folder.glob("*_samples_*.jsonl"))
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    entry = lines[0]["cross"]["dimensions"]["awareness"]
    entry["score"] = 1 - entry["score"]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    compared = compare(place.folder, place.folder)
    assert compared.exit_code == 2
    assert "was edited: the judge's replies give other scores" in said(compared)


def test_an_anchor_is_judged_by_a_panel(place: Place, tmp_path: Path) -> None:
    assert cross("judge", place.folder).exit_code == 0
    assert cross("anchor", "build", place.folder, "--n", 8, "-o", tmp_path / "anchor.json").exit_code == 0
    asked = asked_of(place.panel)
    done = cross("anchor", "judge", tmp_path / "anchor.json", "--repeats", 2, "-o", tmp_path / "twice.json")
    assert done.exit_code == 0, done.output
    held = json.loads((tmp_path / "twice.json").read_text())
    assert [judgement["judge"]["kind"] for judgement in held["judgements"]] == ["panel", "panel"]
    drawn = len(held["items"]) * len(DIMENSIONS)
    assert asked_of(place.panel) == {name: before + drawn for name, before in asked.items()}
    agreed = cross("agree", tmp_path / "twice.json", place.folder)
    assert agreed.exit_code == 0, agreed.output


def test_the_batch_api_is_one_judges(place: Place) -> None:
    refused = cross("judge", place.folder, "--batch")
    assert refused.exit_code == 2
    assert "CROSS_JUDGE_PANEL is set, and a batch is one judge's; leave --batch away" in refused.output
    assert asked_of(place.panel) == dict.fromkeys(place.panel, 0)


def test_doctor_config_and_cost_name_every_member(place: Place) -> None:
    doctor = cross("doctor")
    assert "a panel of 3: ann, judge-ann at http://127.0.0.1" in doctor.output
    config = cross("config")
    assert "CROSS_JUDGE_PANEL              ann,bob,cyd" in config.output
    assert "CROSS_PANEL_CYD_MODEL          judge-cyd" in config.output
    cost = cross("cost", "--tasks", TASK)
    assert cost.exit_code == 0, cost.output
    for name in place.panel:
        assert f"with {model_of(name)}:" in cost.output
    assert "A panel asks all 3 for every answer" in cost.output


def test_doctor_names_the_member_whose_key_is_missing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CROSS_PANEL_BOB_API_KEY")
    assert "The panel's bob: CROSS_PANEL_BOB_BASE_URL is set, but CROSS_PANEL_BOB_API_KEY" in cross("doctor").output


def test_a_budget_is_the_panels_as_a_whole(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prices = "".join(f"  {model_of(name)}: {{input: 10, cached: 10, output: 10}}\n" for name in place.panel)
    (tmp_path / "prices.yml").write_text(f"date: 2026-11-01\nmodels:\n{prices}", encoding="utf-8")
    monkeypatch.setenv("CROSS_JUDGE_PRICES", str(tmp_path / "prices.yml"))
    monkeypatch.setenv("CROSS_JUDGE_BUDGET_USD", "0.1")
    done = cross("judge", place.folder)
    assert "The budget of $0.1 (CROSS_JUDGE_BUDGET_USD) is spent" in done.output
    assert 0 < sum(asked_of(place.panel).values()) * 120 * 10e-6 <= 0.1


def test_lmms_eval_itself_judges_by_a_panel(
    bare_environment: Path, monkeypatch: pytest.MonkeyPatch, lmms_eval: Run, tmp_path: Path, cross: Run
) -> None:
    monkeypatch.setenv("CROSS_JUDGE_RUBRIC", "native")
    responses = cross("demo-responses", "careful").stdout.strip()
    with seated(monkeypatch) as panel:
        for name, server in panel.items():
            server.script = by_native_rubric(name == "cyd")
        model = ["--model", "cross_replay", "--model_args", f"responses={responses}", "--tasks", "cross_demo"]
        done = lmms_eval(*model, "--output_path", str(tmp_path / "out"), "--log_samples")
        assert done.returncode == 0, done.stderr
    results = read_results(tmp_path / "out")
    assert results["configs"]["cross_demo"]["metadata"]["judge_id"] == "panel: judge-ann, judge-bob, judge-cyd"
    agreement = results["configs"]["cross_demo"]["metadata"]["panel_agreement"]
    for dimension in DIMENSIONS:
        told = results["results"]["cross_demo"][f"{dimension}_agreement,none"]
        assert told == pytest.approx(agreement[dimension]["agreement"]) == pytest.approx(100 / 3)
    assert all(
        len(sample["cross"]["dimensions"]["awareness"]["votes"]) == 3 for sample in read_samples(tmp_path / "out")
    )
    usage = results["usage"]["by_source"]["judge"]
    assert usage["n_api_calls"] == sum(asked_of(panel).values())


def by_native_rubric(turned: bool):
    def answer(asked: Asked) -> Answer:
        dimension, response = read_native(asked.text)
        return Answer(f"Score: {abs(turned - score_of(response, dimension))}")

    return answer
