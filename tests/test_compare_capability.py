"""Other tasks beside CROSS: no less capable, on one scale."""

import json
from pathlib import Path

import numpy as np
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep

from lmms_eval_cross import stats
from tests.command import compare
from tests.made_runs import cross_samples, draw, task, write_run
from tests.run_folders import Task

SAMPLES = [each for each in cross_samples() if each.subset == "safeworld"]
SCORES = draw(SAMPLES, 0.7, seed=1)


def sides(tmp_path: Path, before: dict[str, Task], after: dict[str, Task]) -> list[str]:
    return [
        str(write_run(tmp_path / name, SAMPLES, SCORES, tasks=tasks)) for name, tasks in (("a", before), ("b", after))
    ]


def told(tmp_path: Path, name: str, *arguments: str) -> tuple[int, dict]:
    result = compare(*arguments, "--json", str(tmp_path / "o.json"))
    assert result.exit_code in (0, 1, 3), result.output
    metrics = json.loads((tmp_path / "o.json").read_text())["metrics"]
    return result.exit_code, next(each for each in metrics if each["name"] == name)


def answers(right: int, wrong: int) -> list[float]:
    return [1.0] * right + [0.0] * wrong


# --- failures ---


@pytest.mark.long
@pytest.mark.parametrize(("value", "n"), [(1420.0, 900), (-0.1, 900), (0.5, 0)])
def test_a_metric_on_no_known_scale_or_of_unknown_size_is_shown_and_cannot_be_gated(tmp_path, value, n):
    both = sides(tmp_path, {"mme": task(value, n=n)}, {"mme": task(value, n=n)})
    _, metric = told(tmp_path, "mme/acc", *both)
    assert metric["difference"] is None
    result = compare(*both, "--margin", "mme=5")
    assert result.exit_code == 2
    assert f"mme/acc is {value:g} over {n} samples; only a metric within 0..1" in " ".join(result.output.split())


def test_a_task_that_one_side_lacks_cannot_be_gated(tmp_path):
    both = sides(tmp_path, {"mmmu_val": task(0.5)}, {})
    result = compare(*both, "--margin", "mmmu_val=5")
    assert result.exit_code == 2
    assert "not one metric that both sides have" in " ".join(result.output.split())


@pytest.mark.long
def test_a_task_that_one_side_lacks_is_not_read_and_one_of_both_sides_is(tmp_path):
    """Its samples may be large: here they are damaged, which is told where they are needed."""
    damaged = task(0.5, answers(4, 4))
    both = sides(tmp_path, {"mmmu_val": damaged}, {})
    (file,) = (tmp_path / "a").glob("*_samples_mmmu_val.jsonl")
    file.write_text("{")
    assert compare(*both).exit_code == 3
    both = sides(tmp_path / "again", {"mmmu_val": damaged}, {"mmmu_val": damaged})
    (file,) = (tmp_path / "again" / "b").glob("*_samples_mmmu_val.jsonl")
    file.write_text("{")
    result = compare(*both)
    assert result.exit_code == 2
    assert f"{file.name}, line 1, is not a logged sample" in " ".join(result.output.split())


def test_a_task_with_two_metrics_must_be_named_in_full(tmp_path):
    two = Task({"acc": 0.5, "f1": 0.6}, {}, 500, {"acc": True, "f1": True}, {})
    both = sides(tmp_path, {"t": two}, {"t": two})
    result = compare(*both, "--margin", "t=5")
    assert result.exit_code == 2
    assert "name one of t/acc, t/f1" in " ".join(result.output.split())
    assert told(tmp_path, "t/f1", *both, "--margin", "t/f1=9")[1]["margin"] == 9


def test_a_metric_that_is_named_in_two_ways_is_refused(tmp_path):
    both = sides(tmp_path, {"vqa": task(0.5)}, {"vqa": task(0.5)})
    result = compare(*both, "--margin", "vqa=5", "--margin", "vqa/acc=3")
    assert result.exit_code == 2
    assert "--margin names vqa/acc twice, once as 'vqa/acc'" in " ".join(result.output.split())


# --- paired ---


def test_a_checkpoint_that_forgot_what_it_knew_is_worse_though_as_safe_as_before(tmp_path):
    before, after = answers(700, 200), answers(600, 300)
    both = sides(tmp_path, {"vqa": task(7 / 9, before)}, {"vqa": task(6 / 9, after)})
    code, metric = told(tmp_path, "vqa/acc", *both, "--margin", "compliance=5", "--margin", "vqa=5")
    assert (code, metric["method"], metric["decision"]) == (1, "paired", "worse")
    found = stats.paired_difference(before, after, range(900))
    assert metric["difference"]["lower_bound"] == pytest.approx(found.lower_bound)
    assert told(tmp_path, "vqa/acc", *both, "--margin", "vqa=20")[0] == 0


def test_tasks_without_a_margin_are_shown_and_gate_nothing(tmp_path):
    both = sides(tmp_path, {"vqa": task(0.7, answers(7, 3))}, {"vqa": task(0.1, answers(1, 9))})
    code, metric = told(tmp_path, "vqa/acc", *both, "--margin", "compliance=20")
    assert (code, metric["decision"]) == (0, None)


@pytest.mark.long
def test_percent_and_fractions_come_to_one_scale(tmp_path):
    rows = [{"score": value} for value in answers(80, 20)]
    fewer = [{"score": value} for value in answers(70, 30)]
    found = []
    for name, (before, after) in {
        "fraction": (task(0.8, rows), task(0.7, fewer)),
        "percent of fractions": (task(80.0, rows), task(70.0, fewer)),
        "percent": (task(80.0, [100 * v for v in answers(80, 20)]), task(70.0, [100 * v for v in answers(70, 30)])),
    }.items():
        metric = told(tmp_path / name, "vqa/acc", *sides(tmp_path / name, {"vqa": before}, {"vqa": after}))[1]
        assert metric["method"] == "paired"
        found.append(metric["difference"])
    assert found[0]["difference"] == pytest.approx(-0.1)
    assert found[1] == pytest.approx(found[0])
    assert found[2] == pytest.approx(found[0])


def test_where_lower_is_better_a_rise_is_a_loss(tmp_path):
    errors = (task(0.2, answers(20, 80), higher=False), task(0.3, answers(30, 70), higher=False))
    metric = told(tmp_path, "hallucination/acc", *sides(tmp_path, *({"hallucination": each} for each in errors)))[1]
    assert metric["difference"]["difference"] == pytest.approx(-0.1)


def test_a_tasks_own_clusters_are_respected(tmp_path):
    def rows(right: int) -> list[dict]:
        return [{"score": float(i // 10 < right), "video": f"v{i // 10}"} for i in range(200)]

    both = sides(
        tmp_path,
        {"vqa": task(0.9, rows(18), cluster_key="video")},
        {"vqa": task(0.7, rows(14), cluster_key="video")},
    )
    assert told(tmp_path, "vqa/acc", *both)[1]["difference"]["clusters"] == 20


# --- plain ---


@pytest.mark.long
@pytest.mark.parametrize(
    "samples", [None, [{"id": "a", "parsed_pred": "B"}] * 900, answers(900, 0), [float("nan")] * 900]
)
def test_without_scores_that_explain_the_value_the_values_alone_are_compared(tmp_path, samples):
    both = sides(tmp_path, {"mmmu_val": task(0.51, samples)}, {"mmmu_val": task(0.50, samples)})
    metric = told(tmp_path, "mmmu_val/acc", *both)[1]
    assert metric["method"] == "plain"
    expected = stats.unpaired_difference(0.51, 0.50, 900, 900)
    assert metric["difference"]["lower_bound"] == pytest.approx(expected.lower_bound)
    assert metric["difference"]["baseline_only"] is None


def test_samples_that_do_not_pair_up_are_compared_by_their_values(tmp_path):
    both = sides(tmp_path, {"vqa": task(0.5, answers(50, 50))}, {"vqa": task(0.5, answers(60, 60))})
    assert told(tmp_path, "vqa/acc", *both)[1]["method"] == "plain"


def test_the_error_of_an_unpaired_difference_is_that_of_agresti_and_caffo():
    found = stats.unpaired_difference(0.62, 0.55, 900, 800)
    low, high = confint_proportions_2indep(440, 800, 558, 900, method="agresti-caffo", alpha=0.05)
    assert found.standard_error == pytest.approx((high - low) / 2 / 1.959964, rel=1e-6)
    assert found.difference == pytest.approx(-0.07)


def test_bounds_of_an_unpaired_difference_hold_the_truth_as_often_as_promised():
    generator = np.random.default_rng(3)
    before, after = generator.binomial(300, 0.8, 4000) / 300, generator.binomial(300, 0.75, 4000) / 300
    lower = [stats.unpaired_difference(b, a, 300, 300).lower_bound for b, a in zip(before, after, strict=True)]
    assert np.mean(np.array(lower) < -0.05) == pytest.approx(0.95, abs=0.015)


def test_an_unpaired_difference_of_a_handful_has_no_bounds():
    assert stats.unpaired_difference(0.5, 0.5, 4, 900).lower_bound is None
    with pytest.raises(ValueError, match="n must be >= 1"):
        stats.unpaired_difference(0.5, 0.5, 0, 900)
