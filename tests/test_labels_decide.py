"""compare with labels of both sides, or with the judge's accuracy: the decision is on what people would say."""

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from lxml import etree

from lmms_eval_cross import stats
from lmms_eval_cross.runs.run_files import load_run
from lmms_eval_cross.stats.labelled import LabelledRun
from tests.command import cross, said
from tests.conftest import ROOT
from tests.judged_runs import chance, label_set, noisy, provenance, sample, write_run

pytestmark = pytest.mark.long

SAMPLES = [sample(number) for number in range(1200)]
TRUTH, FALLEN = chance("truth", 0.6), chance("truth", 0.45)
JUDGE, PLEASED = noisy(TRUTH, "judge", 0.9, 0.9), noisy(FALLEN, "judge", 0.95, 0.65)
"""The candidate fell by 15 points, and learnt to please the judge, who says that it is as good as before."""
ONE = ["--margin", "compliance=10", "--resamples", "100"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("desk")
    write_run(root / "before", SAMPLES, JUDGE)
    write_run(root / "pleased", SAMPLES, PLEASED, answer=lambda each: f"As you like it: {each.item}.")
    write_run(root / "stranger", SAMPLES, JUDGE, provenance("new-judge"))
    for name, rule in (("before", TRUTH), ("pleased", FALLEN)):
        label_set(load_run(root / name), SAMPLES, rule, 500).write(root / f"{name}.labels.json")
    return root


def deciding(desk: Path) -> list[str | Path]:
    return ["--baseline-labels", desk / "before.labels.json", "--candidate-labels", desk / "pleased.labels.json"]


def test_a_candidate_that_learnt_to_please_the_judge_passes_without_labels_and_not_with_them(desk, tmp_path):
    sides = [desk / "before", desk / "pleased"]
    assert cross("compare", *sides, *ONE).exit_code == 0
    out = [tmp_path / f"o.{ending}" for ending in ("xml", "md", "json")]
    files = ["--junit", out[0], "--markdown", out[1], "--json", out[2]]
    result = cross("compare", *sides, *ONE, *deciding(desk), *files)
    assert result.exit_code == 1
    told = json.loads(out[2].read_text(), parse_constant=pytest.fail)
    jsonschema.validate(told, json.loads((ROOT / "docs" / "compare.schema.json").read_text()))
    etree.XMLSchema(etree.parse(ROOT / "tests" / "junit.xsd")).assertValid(etree.parse(out[0]))
    assert told["labels"]["baseline"] > 400
    (metric,) = told["metrics"]
    assert metric["difference"]["difference"] == pytest.approx(-0.15, abs=0.08)
    assert (told["slices"], metric["bootstrap"]) == ([], None)
    for text in (said(result), out[0].read_text(), out[1].read_text().replace("\\", "")):
        assert "Decided on differences corrected by human labels (PPI++)" in text
        assert "No slice is tested where labels decide." in text or text is not said(result)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--baseline-labels", "before.labels.json"], "go together"),
        (["--baseline-labels", "before.labels.json", "--candidate-labels", "before.labels.json"], "of other answers"),
        (["--judge-accuracy", "compliance=0.5,0.5"], "add up to more than 1"),
        (["--judge-accuracy", "compliance=0.9"], "must be DIMENSION=SENSITIVITY,SPECIFICITY"),
        (["--judge-accuracy", "kindness=0.9,0.9"], "must name each of awareness"),
        (["--judge-accuracy", "compliance=0.9,0.9", "--confirm", "1"], "exclude each other"),
    ],
)
def test_labels_and_accuracies_that_do_not_fit_are_wrong_usage(desk, monkeypatch, arguments, words):
    monkeypatch.chdir(desk)
    result = cross("compare", "before", "pleased", *ONE, *arguments)
    assert result.exit_code == 2
    assert words in said(result)


def test_a_baseline_file_and_another_judge_s_run_can_t_be_decided_by_labels(desk, tmp_path):
    assert cross("baseline", desk / "before", "-o", tmp_path / "b.json").exit_code == 0
    result = cross("compare", tmp_path / "b.json", desk / "pleased", *ONE, *deciding(desk))
    assert (result.exit_code, "is of several rounds or of a baseline file" in said(result)) == (2, True)


def test_the_judge_s_accuracy_shrinks_margins_and_every_output_says_what_it_assumes(desk, tmp_path):
    arguments = ["compare", desk / "before", desk / "before", "--margin", "compliance=4", "--json", tmp_path / "o.json"]
    plain = cross(*arguments)
    result = cross(*arguments, "--judge-accuracy", "compliance=0.6,0.45")
    assert (plain.exit_code, result.exit_code) == (0, 3)
    assert "The margin of compliance is times 0.05 on the judge's scale" in said(result)
    assert "assumed to be equal on both sides" in said(result)
    told = json.loads((tmp_path / "o.json").read_text())
    assert told["judge_accuracy"] == {"compliance": {"sensitivity": 0.6, "specificity": 0.45}}
    (metric,) = (each for each in told["metrics"] if each["name"] == "compliance")
    assert metric["smallest_margin"] == pytest.approx(-100 * metric["difference"]["lower_bound"] / 0.05)


# --- the statistic ---


def judged_run(judged: np.ndarray, labels: np.ndarray, chosen: np.ndarray, norms: list[str]) -> stats.JudgedRun:
    labelled = stats.Labelled.of(labels[chosen], judged[chosen], [norms[i] for i in chosen])
    return stats.JudgedRun(LabelledRun.of(judged, norms, labelled), norms)


def drawn(seed: int, n: int = 600) -> tuple[stats.JudgedRun, stats.JudgedRun]:
    """A true fall of 5 points behind a judge whose specificity fell from 0.9 to 0.8 on the candidate."""
    generator = np.random.default_rng(seed)
    norms = [str(place // 4) for place in range(n)]
    level = np.repeat(generator.normal(0, 0.1, n // 4), 4)
    sides = []
    for rate, specificity in ((0.6, 0.9), (0.55, 0.8)):
        truth = (generator.random(n) < rate + level).astype(float)
        right = generator.random(n) < np.where(truth == 1, 0.85, specificity)
        judged = np.where(right, truth, 1 - truth)
        sides.append(judged_run(judged, truth, generator.choice(n, 200, replace=False), norms))
    return sides[0], sides[1]


def test_the_difference_is_that_of_two_prediction_powered_means_with_one_lambda():
    before, after = drawn(1)
    found = stats.ppi_difference(before, after)
    powers = np.linspace(0, 1, 101)
    values = []
    for power in powers:
        means = [
            stats.ppi_mean(one.run.scores, one.clusters, one.run.labelled, power=power).mean for one in (before, after)
        ]
        values.append(means[1] - means[0])
    assert min(values) <= found.difference <= max(values)
    assert np.abs(np.array(values) - found.difference).min() < 0.001


def test_the_error_is_the_spread_of_the_difference_and_the_bounds_hold_the_truth():
    found = [stats.ppi_difference(*drawn(seed)) for seed in range(300)]
    spread = np.std([each.difference for each in found])
    assert np.mean([each.standard_error for each in found]) == pytest.approx(spread, rel=0.12)
    assert np.mean([each.difference for each in found]) == pytest.approx(-0.05, abs=3 * spread / np.sqrt(300))
    assert np.mean([each.low <= -0.05 <= each.high for each in found]) == pytest.approx(0.95, abs=0.04)


def test_all_answers_labelled_is_the_paired_difference_of_the_labels():
    before, after = drawn(2)
    norms, n = before.clusters, len(before.clusters)
    whole = np.arange(n)
    generator = np.random.default_rng(0)
    labels = [(generator.random(n) < rate).astype(float) for rate in (0.6, 0.5)]
    sides = [
        judged_run(one.run.scores, truth, whole, norms) for one, truth in zip((before, after), labels, strict=True)
    ]
    found, plain = stats.ppi_difference(*sides), stats.paired_difference(*labels, norms)
    assert found.difference == pytest.approx(plain.difference)
    assert found.standard_error == pytest.approx(plain.standard_error)


def test_failures_are_filled_either_way():
    before, after = drawn(3)
    failing = stats.JudgedRun(after.run, after.clusters, failed=6)
    bounds = stats.ppi_bounds(before, failing)
    assert bounds.against.difference < bounds.complete.difference < bounds.in_favour.difference
    assert bounds.in_favour.difference - bounds.against.difference == pytest.approx(6 / 606)
    assert (bounds.baseline_failures, bounds.candidate_failures) == (0, 6)
