"""What judging will cost, and the prices it is reckoned with."""

import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from lmms_eval_cross.benchmark.native_rubric import load_native_rubric
from lmms_eval_cross.benchmark.records import Usage
from lmms_eval_cross.cli import main
from lmms_eval_cross.cost.answer_costs import AskedModel, answer_table
from lmms_eval_cross.cost.estimate import CostEstimate, Lengths, Picture, cost_table, estimate
from lmms_eval_cross.data.preparing import prepare
from lmms_eval_cross.data.scaled import tiles
from lmms_eval_cross.errors import SettingsError
from lmms_eval_cross.judge.prices import Price, age_warning, load_prices
from lmms_eval_cross.judge.profiles import PROFILES
from tests.conftest import Run
from tests.samples import make_sample

SAMPLE = make_sample("Japan_1", "A norm. " * 20, query="A question? " * 20)
PICTURES = {SAMPLE.image_sha256: Picture(tiles=4, bytes=3_000_000, scaled_bytes=90_000)}


def of(profile: str) -> CostEstimate:
    samples = [(SAMPLE, load_native_rubric())]
    return estimate(PROFILES[profile], samples, PICTURES, load_prices().find("gpt-4o"), Lengths())  # type: ignore[index]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "date: never\nmodels: {}", "date: 2026-01-01\nmodels: {m: {input: 1}}", "date: [", "price: 3"],
)
def test_a_price_file_that_is_none_is_a_sentence(tmp_path: Path, text: str) -> None:
    own = tmp_path / "mine.yml"
    own.write_text(text)
    with pytest.raises(SettingsError, match=r"CROSS_JUDGE_PRICES names mine\.yml"):
        load_prices(own)


def test_a_price_file_that_is_missing_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="mine"):
        load_prices(tmp_path / "mine.yml")


def test_own_prices_go_before_the_packaged_ones(tmp_path: Path) -> None:
    own = tmp_path / "mine.yml"
    own.write_text(
        "date: 2026-01-01\nmodels: {gpt-4o: {input: 1, cached: 1, output: 1}, q: {input: 0, cached: 0, output: 0}}"
    )
    prices = load_prices(own)
    assert prices.date == date(2026, 1, 1)
    assert prices.find("gpt-4o-2024-08-06") == Price(input=1, cached=1, output=1)
    assert prices.find("gpt-4o-mini") == load_prices().find("gpt-4o-mini")
    assert prices.find("q") is not None


@pytest.mark.parametrize("model", ["gpt-4.1-nano", "gpt", "my-gpt-4o", "gpt-4o-audio-preview", "gpt-4o2"])
def test_a_model_is_not_priced_as_its_namesake(model: str) -> None:
    assert load_prices().find(model) is None


def test_cached_tokens_have_their_own_price() -> None:
    price = Price(input=2.5, cached=1.25, output=10)
    assert price.usd(Usage(1_000_000, 400_000, 100_000, 50_000)) == pytest.approx(0.6 * 2.5 + 0.4 * 1.25 + 1.0)


def test_official_is_four_calls_and_four_pictures() -> None:
    one = of("official")
    assert (one.calls, one.tiles, one.usage.completion_tokens) == (4, 16, 400)
    assert one.usage.cached_tokens == 0
    assert one.usage.prompt_tokens > 4 * (765 + 400)
    assert 4 * 4_000_000 < one.bytes < 4 * 4_020_000


def test_the_other_profiles_keep_their_promise_for_the_bill() -> None:
    price = load_prices().find("gpt-4o")
    assert price is not None
    official, cached, joint = (of(name).usd(price) for name in ("official", "cached", "joint"))
    assert cached <= 0.80 * official
    assert joint <= 0.50 * official
    assert of("cached").bytes < of("official").bytes / 20


def test_a_prefix_that_is_too_short_is_not_counted_as_cached() -> None:
    small = {SAMPLE.image_sha256: Picture(tiles=1, bytes=1000, scaled_bytes=1000)}
    samples = [(SAMPLE, load_native_rubric())]
    short = estimate(PROFILES["cached"], samples, small, None, Lengths(answer=10))
    assert short.usage.cached_tokens == 0
    assert of("cached").usage.cached_tokens % 128 == 0


def test_a_model_without_a_price_shows_tokens_and_no_money() -> None:
    lines = cost_table([of("official")], load_prices(), "qwen")
    assert "USD" not in lines[0]
    assert "input tokens" in lines[0]


def test_the_command_says_what_a_run_costs(cross: Run, standin: Path, bare_environment: Path) -> None:
    prepare(bare_environment, str(standin), say=lambda _: None)
    done = cross("cost", "--tasks", "cross_english")
    assert done.returncode == 0, done.stderr
    rows = {line.split("|")[1].strip(): line.split("|") for line in done.stdout.splitlines() if line.startswith("| ")}
    assert [rows[name][2].strip() for name in ("official", "cached", "joint")] == ["144", "144", "36"]
    assert {rows[name][3].strip() for name in ("official", "cached")} == {"144"}
    assert tiles(64, 48) == 1
    assert "gpt-4o-2024-08-06" in done.stdout


def test_the_command_refuses_a_task_that_is_none_of_ours(cross: Run) -> None:
    done = cross("cost", "--tasks", "mmmu_val")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'mmmu_val'" in done.stderr
    assert {"cross_casa", "cross_demo", "cross", "cross_english"} <= set(re.findall(r"\w+", done.stderr))


def test_old_prices_are_told_with_the_setting_that_names_newer_ones(tmp_path: Path) -> None:
    packaged = load_prices().date
    assert age_warning("gpt-4o", None, packaged + timedelta(days=180)) is None
    told = age_warning("gpt-4o-2024-08-06", None, packaged + timedelta(days=181))
    assert told is not None
    assert f"is of {packaged}, more than 180 days ago" in told
    assert "`export CROSS_JUDGE_PRICES=prices.yml`" in told
    own = tmp_path / "mine.yml"
    own.write_text("date: 2030-01-01\nmodels: {gpt-4o: {input: 1, cached: 1, output: 1}}")
    assert age_warning("gpt-4o", own, date(2030, 2, 1)) is None
    assert age_warning("o3", own, date(2030, 2, 1)) is not None, "that price is still the packaged one"
    assert age_warning("nobody", None, date(2030, 2, 1)) is None


def test_the_answers_of_a_model_under_test_cost_query_picture_answer_and_thinking() -> None:
    price = load_prices().find("o3")
    asked = AskedModel("o3", ("none", "high"), rounds=3)
    none, high = answer_table(asked, [SAMPLE, SAMPLE], PICTURES, price, 400)[2:]
    prompt = len(SAMPLE.query.encode()) // 4 + 75 + 4 * 150
    usd = 3 * 2 * (prompt * 2.0 + 400 * 8.0) / 1e6
    assert none == f"| none | 6 | {6 * prompt:,} | 2,400 | {usd:.2f} |"
    usd = 3 * 2 * (prompt * 2.0 + (400 + 24576) * 8.0) / 1e6
    assert high == f"| high | 6 | {6 * prompt:,} | 149,856 | {usd:.2f} |"
    assert answer_table(AskedModel("mine"), [SAMPLE], PICTURES, None, 400)[2].endswith("| 400 | no price |")


def test_the_command_prices_answers_beside_judging() -> None:
    arguments = ["cost", "--tasks", "cross_demo", "--model-under-test", "o4-mini", "--reasoning-effort", "low"]
    done = CliRunner().invoke(main, [*arguments, "--rounds", "3", "--profile", "official"])
    assert done.exit_code == 0, done.output
    assert "Answers of o4-mini, 3 to each of 12 samples:" in done.output
    assert "| low | 36 |" in done.output


@pytest.mark.parametrize(
    "model",
    [
        "o4-mini-2025-04-16",
        "claude-opus-4-1-20250805",
        "claude-sonnet-4-20250514",
        "gemini-2.5-pro",
        "gemini-2.5-flash",
    ],
)
def test_the_papers_closed_families_have_a_price(model: str) -> None:
    assert load_prices().find(model) is not None
