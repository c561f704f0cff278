"""`plan`: components against other estimators, errors against those of `compare`, money against `cost`."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from lmms_eval_cross.compare.inputs import load_side
from lmms_eval_cross.compare.pairs import pair_scores
from lmms_eval_cross.compare.rounds import SampleFacts
from lmms_eval_cross.cost.estimate import Lengths
from lmms_eval_cross.cost.task_costs import usd_by_sample
from lmms_eval_cross.data.prepared import Prepared
from lmms_eval_cross.judge.profiles import PROFILES
from lmms_eval_cross.planning.designs import Design, Wish, smallest_margin
from lmms_eval_cross.planning.shapes import chosen, shape_of
from lmms_eval_cross.planning.variance import Components, RunsShow
from lmms_eval_cross.stats import nested_variance, paired_difference
from tests.command import cross, said
from tests.made_runs import cross_samples, draw, write_run

pytestmark = pytest.mark.long

SAMPLES = cross_samples()
FACTS = list(map(SampleFacts.of, SAMPLES))


# --- components ---


def test_balanced_components_are_those_of_a_mixed_model():
    generator = np.random.default_rng(11)
    norms, items = np.repeat(np.arange(30), 12), np.repeat(np.arange(90), 4)
    values = 0.1 * generator.normal(size=30)[norms] + 0.1 * generator.normal(size=90)[items]
    values = np.clip(values + 0.1 * generator.normal(size=360), -1, 1)
    found = nested_variance(values, norms.tolist(), items.tolist())
    assert found is not None
    frame = pd.DataFrame({"value": 100 * values, "norm": norms, "item": items})
    model = smf.mixedlm("value ~ 1", frame, groups="norm", re_formula="1", vc_formula={"item": "0 + C(item)"})
    fitted = model.fit(reml=True)
    expected = (fitted.cov_re.iloc[0, 0], fitted.vcomp[0], fitted.scale)
    assert (found.cluster * 1e4, found.part * 1e4, found.rest * 1e4) == pytest.approx(expected, rel=2e-3)


def test_unbalanced_components_are_right_on_average():
    generator = np.random.default_rng(12)
    norms = np.array([sample.norm_id for sample in SAMPLES])
    items = np.array([f"{sample.subset}/{sample.item}" for sample in SAMPLES])
    _, norm_of = np.unique(norms, return_inverse=True)
    _, item_of = np.unique(items, return_inverse=True)
    found = []
    for _ in range(200):
        values = 0.10 * generator.normal(size=norm_of.max() + 1)[norm_of]
        values += 0.12 * generator.normal(size=item_of.max() + 1)[item_of] + 0.15 * generator.normal(size=len(norms))
        parts = nested_variance(np.clip(values, -1, 1), norms.tolist(), items.tolist())
        assert parts is not None
        found.append([parts.cluster, parts.part, parts.rest])
    assert np.mean(found, axis=0) == pytest.approx([0.10**2, 0.12**2, 0.15**2], rel=0.03)


def test_what_cannot_be_told_apart_has_no_components():
    assert nested_variance([0.1, 0.2, 0.3], "aab", [1, 1, 2]) is None
    assert nested_variance([0.1, 0.2, 0.3, 0.2], "aabb", [1, 2, 3, 4]) is None


def test_the_planned_error_of_a_run_is_the_one_that_compare_finds(tmp_path):
    sides = []
    for name, flips in (("a", 0.0), ("b", 0.4)):
        sides.append(load_side([write_run(tmp_path / name, SAMPLES, draw(SAMPLES, 0.7, seed=1, flips=flips))]))
    pairs = pair_scores(*sides)
    difference = paired_difference(*pairs.means("compliance"), pairs.clusters)
    components = RunsShow.of_pairs(pairs, "compliance", 2).components(0.6, None, 0.05)
    assert components.error(shape_of(pairs.facts), 1, 1) == pytest.approx(difference.standard_error, rel=0.1)


def test_three_rounds_show_what_a_round_draws_anew(tmp_path):
    folders = {
        side: [
            write_run(tmp_path / f"{side}{seed}", SAMPLES, draw(SAMPLES, 0.7, 1, flips=flips)) for seed, flips in draws
        ]
        for side, draws in {"a": [(1, 0.0), (2, 0.2)], "b": [(3, 0.21), (4, 0.22)]}.items()
    }
    pairs = pair_scores(*(load_side(rounds) for rounds in folders.values()))
    shown = RunsShow.of_pairs(pairs, "compliance", 2)
    before, after = pairs.rounds("compliance")
    differ = [np.mean(table[:, 0] != table[:, 1]) / 2 for table in (before, after)]
    assert shown.anew == pytest.approx(sum(differ))
    components = shown.components(0.6, 0.04, 0.05)
    assert components.judge == pytest.approx(0.04)
    assert components.generation + components.judge == pytest.approx(shown.anew)


# --- designs ---

COMPONENTS = Components("compliance", 0.05, 0.06, 0.06, 0.09, 0.05, 0.62)


def margin(wordings: int, multilingual: bool, rounds: int = 1, repeats: int = 1) -> float:
    shape = shape_of(chosen(FACTS, wordings, multilingual))
    wish = Wish({"compliance": 5.0}, 0.8, 0.05, {})
    return smallest_margin(COMPONENTS, shape, Design(wordings, multilingual, rounds, repeats, 0), wish)


def test_what_costs_more_shows_more():
    all_once = margin(3, True)
    assert (
        margin(1, True) > margin(2, True) > all_once > margin(3, True, rounds=3) < margin(3, True, repeats=3) < all_once
    )


def test_a_margin_at_80_percent_power_is_two_quantiles_of_errors():
    shape = shape_of(FACTS)
    assert margin(3, True) == pytest.approx(100 * (1.6540 + 0.8440) * COMPONENTS.error(shape, 1, 1), rel=1e-3)


def test_without_labels_a_judge_that_errs_widens_the_margin_and_labels_bound_it():
    shape = shape_of(FACTS)
    wish = Wish({"compliance": 5.0}, 0.8, 0.05, {"compliance": (0.8, 0.9)})
    plain = smallest_margin(COMPONENTS, shape, Design(3, True, 1, 1, 0), wish)
    assert plain == pytest.approx(margin(3, True) / 0.7)
    perfect = Wish({"compliance": 5.0}, 0.8, 0.05, {"compliance": (1.0, 1.0)})
    assert smallest_margin(COMPONENTS, shape, Design(3, True, 1, 1, 400), perfect) == pytest.approx(margin(3, True))
    few, many = (smallest_margin(COMPONENTS, shape, Design(3, True, 1, 1, n), wish) for n in (100, 800))
    assert few > many


# --- the command ---


def test_a_plan_from_nothing_names_every_assumption_and_what_would_show_it(prepared: Prepared, tmp_path: Path) -> None:
    result = cross("plan", "--json", tmp_path / "plan.json")
    assert result.exit_code == 0, result.output
    for words in ("rate is assumed: 60%", "Norm, item and wording are assumed", "Judge noise is assumed: 5%"):
        assert words in said(result)
    plan = json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))
    assert plan["cheapest"] is None, "the stand-in has ten norms"
    assert len(plan["components"]) == 4


def test_the_cheapest_design_stands_first_and_its_price_is_that_of_cost(prepared: Prepared, tmp_path: Path) -> None:
    result = cross("plan", "--margin", "compliance=90", "--json", tmp_path / "plan.json")
    assert result.exit_code == 0, result.output
    assert "The cheapest designs that do, and last what all samples judged once show:" in said(result)
    plan = json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))
    prices = [design["usd"] for design in plan["designs"]]
    assert prices == sorted(prices)
    assert plan["cheapest"]["usd"] == min(design["usd"] for design in plan["designs"] if design["enough"])
    once = next(
        design
        for design in plan["designs"]
        if (design["wordings"], design["multilingual"], design["rounds"], design["repeats"]) == (3, True, 1, 1)
    )
    samples, usd = usd_by_sample(["cross"], PROFILES["official"], "gpt-4o-2024-08-06", Lengths())
    assert usd is not None
    assert (once["samples"], once["calls"]) == (48, 2 * 48 * 4)
    assert once["usd"] == pytest.approx(2 * sum(usd[sample.sample_id] for sample in samples))


def test_runs_take_assumptions_away(prepared: Prepared, tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / name, SAMPLES, draw(SAMPLES, 0.7, seed=1, flips=flips))
        for name, flips in (("a", 0.0), ("b", 0.4))
    ]
    result = cross("plan", *runs)
    assert result.exit_code == 0, result.output
    assert "rate is assumed" not in said(result)
    assert "Norm, item and wording are assumed" not in said(result)
    assert "What a round draws anew is assumed" in said(result)


def test_what_a_plan_is_not_for_is_refused(prepared: Prepared, tmp_path: Path) -> None:
    assert "--margin names 'mmmu_val'" in said(cross("plan", "--margin", "mmmu_val=2"))
    result = cross("plan", "a", "b", "c")
    assert (result.exit_code, "at most, got 3" in said(result)) == (2, True)
