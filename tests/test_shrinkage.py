"""Countries with few norms, drawn toward all: rates against another integral, and how the report shows them."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import betabinom

from lmms_eval_cross.report.build import build_report
from lmms_eval_cross.report.report_markdown import markdown
from lmms_eval_cross.report.slice_rows import slice_rows
from lmms_eval_cross.runs.run_files import load_run
from lmms_eval_cross.stats import shrink_groups
from lmms_eval_cross.stats.shrinkage import design_effects
from tests.made_runs import cross_samples, draw, write_run


def groups_of(rates: dict[str, tuple[int, int]]) -> tuple[list[float], list[str], list[str]]:
    """Scores, groups and clusters of one: group -> good ones and all."""
    scores: list[float] = []
    groups: list[str] = []
    for group, (good, n) in rates.items():
        scores += [1.0] * good + [0.0] * (n - good)
        groups += [group] * n
    return scores, groups, [f"norm {place}" for place in range(len(scores))]


def test_rates_are_those_of_a_beta_binomial_model_with_flat_priors_on_mean_and_spread():
    seen = {"a": (30, 100), "b": (55, 100), "c": (60, 100), "d": (62, 100)}
    shrunk = shrink_groups(*groups_of(seen))
    means, spreads = np.meshgrid(np.linspace(0.005, 0.995, 60), np.linspace(0.02, 0.8, 30))
    strength = 1 / spreads**2 - 1
    good, bad = means * strength, (1 - means) * strength
    weights = np.prod([betabinom.pmf(k, n, good, bad) for k, n in seen.values()], axis=0)
    for group, (k, n) in seen.items():
        expected = np.average((good + k) / (strength + n), weights=weights)
        assert shrunk[group].mean == pytest.approx(expected, abs=0.006)
        assert shrunk[group].raw == k / n


def test_a_group_of_few_is_drawn_further_than_a_group_of_many():
    shrunk = shrink_groups(*groups_of({"few": (3, 10), "many": (90, 300), "b": (60, 100), "c": (65, 100)}))
    assert shrunk["few"].raw == shrunk["many"].raw == 0.3
    assert shrunk["few"].mean > shrunk["many"].mean + 0.05
    assert shrunk["few"].high - shrunk["few"].low > shrunk["many"].high - shrunk["many"].low


def test_equal_groups_have_equal_chances_to_be_the_lowest_and_chances_add_up_to_one():
    shrunk = shrink_groups(*groups_of(dict.fromkeys("abcd", (60, 100))))
    assert sum(one.worst for one in shrunk.values()) == pytest.approx(1)
    assert all(one.worst == pytest.approx(0.25, abs=0.03) for one in shrunk.values())


def test_the_spread_of_two_groups_cannot_be_told():
    assert shrink_groups(*groups_of({"a": (3, 10), "b": (4, 10)})) == {}


def test_samples_that_repeat_each_other_count_once():
    generator = np.random.default_rng(2)
    once = (generator.random(400) < 0.5).astype(np.float64)
    four = np.repeat(once, 4)
    norms = np.repeat(np.arange(400), 4).tolist()
    assert design_effects([(four, norms)]) == pytest.approx([4], rel=0.01)


def test_groups_that_do_not_vary_count_their_clusters():
    scores, groups, _ = groups_of({"a": (8, 8), "b": (8, 8), "c": (8, 8)})
    shrunk = shrink_groups(scores, groups, [place // 4 for place in range(24)])
    assert all(0.5 < one.low < one.mean < 1 for one in shrunk.values())


# --- the report ---


@pytest.mark.long
def test_countries_stand_by_their_shrunk_rates_with_how_sure_the_order_is(tmp_path: Path):
    samples = cross_samples()
    folders = [write_run(tmp_path / name, samples, draw(samples, 0.7, seed)) for name, seed in (("a", 1), ("b", 2))]
    report = build_report([load_run(folder) for folder in folders], 99)
    for model in report.models:
        rates = [rate.shrunk for rate in model.countries]
        assert rates == sorted(rates)
        assert sum(rate.lowest for rate in model.countries) == pytest.approx(100)
        for rate in model.countries:
            assert rate.raw == pytest.approx(model.slices["country"][rate.country]["compliance"].mean)
            assert rate.low < rate.shrunk < rate.high
    rows = slice_rows(report.models, "country", "compliance")
    ranks = [np.mean([rate.shrunk for rate in row.rates if rate is not None]) for row in rows]
    assert ranks == sorted(ranks)
    lowest = report.models[0].countries[0]
    text = markdown(report)
    assert f"a: lowest in {lowest.country}" in text
    assert f"truly so with a chance of {round(lowest.lowest)}%" in text
