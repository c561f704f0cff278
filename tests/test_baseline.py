"""The baseline file: the same decision as the run it came from, in a small file that can be read in a diff."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.compare.baseline_file import read_baseline
from lmms_eval_cross.compare.inputs import load_side
from lmms_eval_cross.trust.sealed import SEAL, seal_of
from tests.command import cross
from tests.made_runs import SECRET, cross_samples, draw, task, with_failures, write_run

SAMPLES = cross_samples()
GOOD = with_failures(draw(SAMPLES, 0.7, seed=1), 0.003)
WORSE = draw(SAMPLES, 0.7, seed=1, drop=0.2)
CAPABLE = {"mmbench_en_dev_static": task(81.5, n=4329)}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "good", SAMPLES, GOOD, tasks=CAPABLE)


@pytest.fixture
def file(run: Path, tmp_path: Path) -> Path:
    assert cross("baseline", run, "-o", tmp_path / "baseline.json").exit_code == 0
    return tmp_path / "baseline.json"


def resealed(text: str) -> str:
    """The file as one would hold it who writes damaged files, and not edits sound ones; as it is if it is no JSON."""
    try:
        content = json.loads(text)
    except ValueError:
        return text
    if isinstance(content, dict):
        content.pop(SEAL, None)
        content[SEAL] = seal_of(content)
    return json.dumps(content)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda text: text[:-20], "can't be read as a baseline file"),
        (lambda text: "[]", "has schema None"),
        (lambda text: text.replace("cross-baseline/2", "cross-baseline/9"), "has schema 'cross-baseline/9'"),
        (lambda text: text.replace('"rounds": [', '"rounds": [{}, '), "is damaged at rounds.0.name"),
        (lambda text: text.replace('"education"', '"learning"', 1), "other dimensions"),
        (lambda text: text.replace('"1111"', '"1121"', 1), "has scores '1121' for casa/"),
        (lambda text: text.replace('"1111"', '"1111 1111"', 1), "has scores '1111 1111' for casa/"),
        (lambda text: text.replace('"1111", "', '"1111", "x', 1), "has answer hashes 'x"),
        (lambda text: text.replace('"1111", "', '"', 1), "has samples without 6 columns"),
        (lambda text: text.replace('"judge_id"', '"judge_ids"', 1), "damaged provenance"),
        (lambda text: text.replace('"safeworld/english": {', '"safeworld/x": {'), "does not say who judged"),
    ],
)
def test_a_damaged_baseline_file_is_refused_with_its_fault(run, file, damage, words):
    file.write_text(resealed(damage(file.read_text())))
    result = cross("compare", file, run)
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())


def test_a_missing_baseline_file_is_refused(run, tmp_path):
    assert cross("compare", tmp_path / "none.json", run).exit_code == 2


def test_a_baseline_is_written_under_a_name_by_which_compare_knows_it(run, tmp_path):
    for name in ("baseline.txt", "x_results.json"):
        result = cross("baseline", run, "-o", tmp_path / name)
        assert result.exit_code == 2
        assert not (tmp_path / name).exists()


def test_a_baseline_file_decides_as_its_run_does(run, file, tmp_path):
    other = write_run(tmp_path / "other", SAMPLES, WORSE)
    for gated in (run, other):
        told = []
        for baseline in (run, file):
            result = cross("compare", baseline, gated, "--resamples", "100", "--json", tmp_path / "o.json")
            out = json.loads((tmp_path / "o.json").read_text())
            told.append((result.exit_code, out["metrics"][:4], out["slices"], out["changes"], out["sentence"]))
        assert told[0] == told[1]


def test_what_is_read_back_is_what_was_written(run, file):
    written, read = load_side([run]).rounds[0], read_baseline(file)[0]
    assert {name: str(row) for name, row in read.scores.items()} == {
        name: str(row) for name, row in written.scores.items()
    }
    assert (read.facts, read.judging, read.model, read.date) == (
        written.facts,
        written.judging,
        written.model,
        written.date,
    )
    name = "mmbench_en_dev_static/acc"
    assert read.tasks[name] == replace(written.tasks[name], read=dict)
    assert read.answer_hashes == written.answer_hashes != {}
    assert not read.answers


def test_equal_runs_give_equal_bytes_and_one_changed_verdict_changes_one_line(run, file, tmp_path):
    again = tmp_path / "again.json"
    cross("baseline", run, "-o", again)
    assert again.read_bytes() == file.read_bytes()
    name = SAMPLES[7].sample_id
    changed = {**GOOD, name: (1, 0, 1, None)} if GOOD[name] != (1, 0, 1, None) else {**GOOD, name: (0, 0, 0, 0)}
    other = write_run(tmp_path / "good", SAMPLES, changed, tasks=CAPABLE)
    cross("baseline", other, "-o", again)
    lines = zip(file.read_text().splitlines(), again.read_text().splitlines(), strict=True)
    changed_lines = [before for before, after in lines if before != after]
    assert [name in line or "sha256" in line for line in changed_lines] == [True, True]


def test_the_file_is_small_and_has_no_text_of_the_benchmark_and_no_path(run, file):
    text = file.read_text()
    assert SECRET not in text
    assert "An answer." not in text
    assert str(run.parent) not in text
    assert len(text) < 130 * len(SAMPLES)


def test_several_runs_are_rounds_of_one_baseline(run, tmp_path):
    other = write_run(tmp_path / "other", SAMPLES, WORSE)
    assert cross("baseline", run, other, "-o", tmp_path / "two.json").exit_code == 0
    rounds = read_baseline(tmp_path / "two.json")
    assert [each.name for each in rounds] == ["good", "other"]
    assert [len(each.answer_hashes) for each in rounds] == [len(SAMPLES)] * 2
    name = SAMPLES[0].sample_id
    assert rounds[1].scores[name] == tuple(map(float, WORSE[name]))
    assert len(rounds[1].scores[name]) == len(DIMENSIONS)


DEAD = dict.fromkeys((each.sample_id for each in SAMPLES[:40]), (None,) * 4)


@pytest.mark.parametrize(
    "command", [["baseline", "-o"], ["anchor", "build", "--output"], ["label", "export", "--output"]]
)
def test_a_run_without_any_verdict_makes_no_baseline_no_anchor_and_no_batch(tmp_path, command):
    dead = write_run(tmp_path / "dead", SAMPLES[:40], DEAD)
    result = cross(*command, tmp_path / "made.json", dead)
    assert result.exit_code == 2
    told = f"None of the 40 answers in {dead} has a verdict. Most often: The reply has no score. "
    assert f"{told}`lmms-eval-cross judge {dead} --retry-failed` asks once more." in result.output
    assert not (tmp_path / "made.json").exists()


@pytest.mark.parametrize("command", [["baseline", "-o"], ["anchor", "build", "--output"]])
def test_a_run_with_too_few_verdicts_is_used_with_a_warning(tmp_path, command):
    few = dict.fromkeys(DEAD, (1, None, 1, 1))
    for name, scores, warned in (("few", few, True), ("whole", dict.fromkeys(DEAD, (1, 0, 1, 1)), False)):
        folder = write_run(tmp_path / name, SAMPLES[:40], scores)
        result = cross(*command, tmp_path / f"{name}.json", folder)
        assert result.exit_code == 0, result.output
        sentence = f"lmms-eval-cross: {folder} is incomplete: cross_casa has awareness 100.0 (30 scored), educ"
        assert (sentence in result.output) == warned
        assert (tmp_path / f"{name}.json").exists()
