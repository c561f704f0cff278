"""Anchors: what is refused, what they hold, how they are drawn, and judging them again."""

import json
from collections import Counter
from pathlib import Path
from threading import Lock

import numpy as np
import pytest

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.records import DIMENSIONS, Sample
from lmms_eval_cross.data.prepared import Prepared
from lmms_eval_cross.ledger.run_lines import runs_in
from lmms_eval_cross.ledger.steady import open_ledger
from lmms_eval_cross.settings import load_settings
from lmms_eval_cross.trust.agreement_report import agreed, pair_up
from lmms_eval_cross.trust.anchor import draw, load_anchor
from lmms_eval_cross.trust.drawing import draw_systematically, drawing_probabilities, stratified_order
from tests.command import cross
from tests.judge_server import Answer, Asked, JudgeServer, score_of
from tests.judged_runs import SECRET_NORM, SECRET_QUERY, chance, provenance, sample, write_run
from tests.runs import samples_in

SAMPLES = [sample(number) for number in range(200)]


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", SAMPLES, chance("truth", 0.8))


@pytest.fixture
def standin_samples(prepared: Prepared) -> list[Sample]:
    """The samples of a prepared stand-in."""
    return samples_in(prepared, "casa_english")


@pytest.fixture
def standin_anchor(tmp_path: Path, standin_samples: list[Sample]) -> Path:
    """An anchor of all CASA samples, judged by `old-judge`, without text."""
    told = provenance(rubric_sha256=session.data_for("casa_english").rubric.sha256)
    folder = write_run(tmp_path / "old", standin_samples, chance("old"), told)
    assert cross("anchor", "build", folder, "--output", tmp_path / "anchor.json").exit_code == 0
    return tmp_path / "anchor.json"


# --- refusals ---


@pytest.mark.parametrize(("before", "after"), [("An answer to", "A better answer to"), ('"score":1', '"score":0')])
def test_an_edited_anchor_is_refused(tmp_path, run_folder, before, after):
    path = tmp_path / "anchor.json"
    cross("anchor", "build", run_folder, "--n", 20, "--output", path)
    path.write_text(path.read_text().replace(before, after, 1))
    result = cross("agree", path, run_folder)
    assert result.exit_code == 2
    assert "anchor.json was changed after it was frozen; take the original file." in result.output


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"id": "x", "schema": "cross-anchor/9"}', "null"])
def test_another_file_is_no_anchor(tmp_path, content):
    path = tmp_path / "other.json"
    path.write_text(content)
    result = cross("anchor", "judge", path)
    assert result.exit_code == 2
    assert "other.json is no anchor" in result.output


def test_a_run_whose_answers_all_failed_makes_no_anchor(tmp_path):
    folder = write_run(
        tmp_path / "run", SAMPLES[:5], chance("x"), answer=lambda _: "[LMMS_EVAL_REQUEST_FAILED after 3]"
    )
    result = cross("anchor", "build", folder, "--output", tmp_path / "anchor.json")
    assert result.exit_code == 2
    assert "run has no judged CROSS answers" in result.output
    assert not (tmp_path / "anchor.json").exists()


def test_judging_needs_data_with_the_same_texts(standin_anchor, standin_samples, judged_by, tmp_path):
    content = json.loads(standin_anchor.read_text())
    other = write_run(
        tmp_path / "changed",
        [Sample.from_row(each.to_row() | {"query": "Something else?"}) for each in standin_samples],
        chance("old"),
    )
    cross("anchor", "build", other, "--output", tmp_path / "changed.json")
    result = cross("anchor", "judge", tmp_path / "changed.json")
    assert result.exit_code == 2
    assert "the prepared data lack or changed casa/english/" in result.output
    assert content["items"]
    assert judged_by.judged == []


def test_a_judge_that_has_judged_already_is_not_paid_again(standin_anchor, judged_by, monkeypatch):
    monkeypatch.setenv("CROSS_JUDGE_ID", "old-judge")
    result = cross("anchor", "judge", standin_anchor)
    assert result.exit_code == 2
    assert "holds 1 askings of old-judge" in result.output
    assert judged_by.asked == []


# --- what it holds ---


def test_no_text_of_the_benchmark_unless_asked_for(tmp_path, run_folder):
    bare, full = tmp_path / "bare.json", tmp_path / "full.json"
    cross("anchor", "build", run_folder, "--n", 20, "--output", bare)
    cross("anchor", "build", run_folder, "--n", 20, "--output", full, "--with-text")
    for secret in (SECRET_NORM, SECRET_QUERY):
        assert secret not in bare.read_text()
        assert secret in full.read_text()
    assert load_anchor(bare).id == load_anchor(full).id


def test_no_path_of_this_machine_is_in_the_file(tmp_path, run_folder):
    cross("anchor", "build", run_folder, "--output", tmp_path / "anchor.json")
    assert str(tmp_path) not in (tmp_path / "anchor.json").read_text()


def test_the_same_seed_draws_the_same_file(tmp_path, run_folder):
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        cross("anchor", "build", run_folder, "--n", 50, "--seed", seed, "--output", tmp_path / f"{name}.json")
    one, two, three = ((tmp_path / f"{name}.json").read_bytes() for name in ("one", "two", "three"))
    assert one == two != three


def test_answers_with_lone_surrogates_survive(tmp_path):
    folder = write_run(tmp_path / "run", SAMPLES[:5], chance("x"), answer=lambda _: "half \ud83d of a pair")
    assert cross("anchor", "build", folder, "--output", tmp_path / "anchor.json").exit_code == 0
    assert load_anchor(tmp_path / "anchor.json").items[0].response == "half \ufffd of a pair"


# --- drawing ---


def test_probabilities_add_up_to_n_favour_the_rare_and_never_exceed_1():
    outcomes = ["1111"] * 900 + ["0000"] * 90 + ["0101"] * 9 + ["0110"]
    found = drawing_probabilities(outcomes, 200)
    assert found.sum() == pytest.approx(200)
    assert found.max() == found[-1] == 1
    assert found[0] < found[900] < found[990]
    assert found[900] / found[0] == pytest.approx(np.sqrt(10))


@pytest.mark.long
def test_every_answer_is_drawn_as_often_as_its_probability_says():
    outcomes = ["a"] * 30 + ["b"] * 6 + ["c"] * 2
    probabilities = drawing_probabilities(outcomes, 12)
    generator, hits = np.random.default_rng(5), np.zeros(len(outcomes))
    rounds = 20_000
    for _ in range(rounds):
        order = stratified_order([(outcome,) for outcome in outcomes], generator)
        drawn = draw_systematically(probabilities, order, generator)
        assert len(drawn) == 12
        hits[drawn] += 1
    assert np.abs(hits / rounds - probabilities).max() < 4 * np.sqrt(0.25 / rounds)


def test_each_stratum_gets_its_expected_count_to_the_next_whole_number():
    probabilities = np.full(400, 0.25)
    strata = [(country,) for country in "abcdefgh" for _ in range(50)]
    for seed in range(50):
        generator = np.random.default_rng(seed)
        drawn = draw_systematically(probabilities, stratified_order(strata, generator), generator)
        assert set(Counter(strata[i] for i in drawn).values()) <= {12, 13}


def test_a_second_draw_multiplies_the_probabilities(run_folder):
    once = draw(load_anchor(run_folder), 100)
    twice = draw(once, 40)
    before = {item.sample_id: item.probability for item in once.items}
    assert len(twice.items) == 40
    assert all(item.probability < before[item.sample_id] for item in twice.items)
    assert sum(1 / item.probability for item in twice.items) == pytest.approx(200, rel=0.35)


# --- judging again ---


@pytest.mark.long
def test_another_judge_is_asked_about_every_answer_and_both_are_kept(standin_anchor, judged_by, monkeypatch):
    monkeypatch.setenv("CROSS_JUDGE_ID", "new-judge")
    result = cross("anchor", "judge", standin_anchor)
    assert result.exit_code == 0, result.output
    path = standin_anchor.with_name("anchor-new-judge.json")
    judged, frozen = load_anchor(path), load_anchor(standin_anchor)
    assert len(judged_by.judged) == 4 * len(frozen.items)
    assert judged.id == frozen.id
    assert [each.judge.id for each in judged.judgements] == ["old-judge", "new-judge"]
    for item, verdict in zip(judged.items, judged.latest.verdicts, strict=True):
        expected = score_of(item.response, "Violation")
        assert verdict["compliance"].score == 1 - expected
    assert "custom" not in path.read_text()


@pytest.mark.long
def test_a_second_time_costs_nothing(standin_anchor, judged_by, monkeypatch, tmp_path):
    monkeypatch.setenv("CROSS_JUDGE_ID", "new-judge")
    cross("anchor", "judge", standin_anchor, "--output", tmp_path / "one.json")
    calls = len(judged_by.judged)
    cross("anchor", "judge", standin_anchor, "--output", tmp_path / "two.json")
    assert len(judged_by.judged) == calls
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    (line,) = runs_in(open_ledger(load_settings()))
    assert (line.tasks, line.folder, line.verdicts) == ("cross_casa", "old", calls), "for ledger show"


@pytest.mark.long
def test_a_judge_asked_thrice_is_asked_thrice_and_its_ceiling_is_told(standin_anchor, monkeypatch, tmp_path):
    seen: Counter[tuple[str, str]] = Counter()
    lock = Lock()

    def moody(asked: Asked) -> Answer:
        """Changes its mind on awareness at the second asking."""
        with lock:
            seen[asked.text, asked.dimension] += 1
            moved = asked.dimension == "Awareness" and seen[asked.text, asked.dimension] == 2
        return Answer(f"Score: {score_of(asked.response, asked.dimension) ^ moved}")

    with JudgeServer(moody) as server:
        monkeypatch.setenv("CROSS_JUDGE_BASE_URL", server.url)
        monkeypatch.setenv("CROSS_JUDGE_API_KEY", "sk-test")
        assert cross("anchor", "judge", standin_anchor, "--repeats", 3, "--output", tmp_path / "j.json").exit_code == 0
    result = cross("agree", standin_anchor, tmp_path / "j.json", "--json", tmp_path / "agreement.json")
    assert set(seen.values()) == {3}
    found = json.loads((tmp_path / "agreement.json").read_text())["self_consistency"]
    assert found["a"] == {}
    assert found["b"]["awareness"]["agreement"] == pytest.approx(1 / 3)
    compliance = found["b"]["compliance"]
    assert (compliance["askings"], compliance["agreement"], compliance["alpha"]) == (3, 1.0, 1.0)
    assert compliance["ceiling"] == [1.0, 1.0]
    assert found["b"]["awareness"]["ceiling"] is None, "below a half nothing is known of it"
    assert "Ceiling: B agrees with itself on awareness in 33.3%" in result.output


@pytest.mark.long
def test_a_reply_without_a_score_is_a_failure_and_no_score(standin_anchor, judged_by, tmp_path):
    def script(asked: Asked) -> Answer:
        return Answer("I would rather not say." if asked.dimension == "Education" else "Score: 1")

    judged_by.script = script
    result = cross("anchor", "judge", standin_anchor, "--output", tmp_path / "j.json")
    assert "Without a score: unparsable 27" in result.output
    report = cross("agree", standin_anchor, tmp_path / "j.json")
    assert "| education | 0 | - |" in report.output


@pytest.mark.long
def test_the_anchors_of_a_run_weigh_to_the_runs_agreement(tmp_path, run_folder):
    other = load_anchor(write_run(tmp_path / "other", SAMPLES, chance("other"), provenance("new-judge")))
    run = load_anchor(run_folder)
    whole = agreed(pair_up(run, other), "awareness").agreement
    found = [agreed(pair_up(draw(run, 60, seed), other), "awareness").agreement for seed in range(200)]
    assert np.mean(found) == pytest.approx(whole, abs=4 * np.std(found) / np.sqrt(200))


def test_all_dimensions_are_in_every_verdict(run_folder):
    assert all(set(verdict) == set(DIMENSIONS) for verdict in load_anchor(run_folder).latest.verdicts)


@pytest.mark.parametrize("name", ["anc", "a_results.json", "a.jsonl"])
@pytest.mark.parametrize("command", [["anchor", "build", "run"], ["anchor", "judge", "a.json"], ["baseline", "run"]])
def test_an_output_whose_name_the_next_command_would_not_know_is_refused(tmp_path, command, name):
    result = cross(*command, "--output", tmp_path / name)
    assert result.exit_code == 2
    assert f"-o must name a .json file (and no *_results.json), by which other commands know it, got {name}." in (
        " ".join(result.output.split())
    )
