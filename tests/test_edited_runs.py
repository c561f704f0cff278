"""The gate against runs and baselines that were edited to pass it: each ends in exit code 2 or 3, never in 0."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.cli import main
from lmms_eval_cross.trust.sealed import seal_of
from tests.made_runs import cross_samples, draw, write_run

SAMPLES = [sample for sample in cross_samples() if sample.subset == "safeworld"]
GOOD, WORSE = draw(SAMPLES, 0.7, 1), draw(SAMPLES, 0.7, 1, drop=0.3)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A baseline, and a candidate that is worse."""
    for name, scores in (("before", GOOD), ("after", WORSE)):
        write_run(tmp_path / name, SAMPLES, scores)
    return tmp_path


def edit(run: Path, change: Callable[[dict[str, Any], int], None]) -> None:
    for file in run.glob("*_samples_*.jsonl"):
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        for number, row in enumerate(rows):
            if "cross" in row:
                change(row["cross"], number)
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def compare(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["compare", *map(str, arguments), "--resamples", "100"])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_the_runs_as_they_are_end_in_worse_and_in_not_worse(runs: Path) -> None:
    assert compare(runs / "before", runs / "after")[0] == 1
    baseline = runs / "baseline.json"
    assert CliRunner().invoke(main, ["baseline", str(runs / "before"), "-o", str(baseline)]).exit_code == 0
    assert compare(baseline, runs / "after")[0] == 1


def norms_together(record: dict[str, Any], number: int) -> None:
    record["norm_id"] = f"{number % 5:016x}"


def other_query(record: dict[str, Any], _: int) -> None:
    record["query"] = "How are you?"


def other_picture(record: dict[str, Any], _: int) -> None:
    record["image_sha256"] = "0" * 64


def other_norm_with_its_hash(record: dict[str, Any], _: int) -> None:
    from lmms_eval_cross.benchmark.records import norm_id

    record["norm"] = "Be kind."
    record["norm_id"] = norm_id("Be kind.")


def other_country(record: dict[str, Any], _: int) -> None:
    record["country"] = "Atlantis"


def other_wording(record: dict[str, Any], _: int) -> None:
    record["wording"] = 1


def scored(score: Any) -> Callable[[dict[str, Any], int], None]:
    def change(record: dict[str, Any], _: int) -> None:
        for name in DIMENSIONS:
            if record["dimensions"][name]["score"] == 0:
                record["dimensions"][name]["score"] = score

    return change


def silent(record: dict[str, Any], _: int) -> None:
    for name in DIMENSIONS:
        record["dimensions"][name] |= {"score": 1, "reason": None, "detail": None, "rationale": "Very good indeed."}


EDITS = {
    "norm ids": norms_together,
    "queries": other_query,
    "pictures": other_picture,
    "norms with their hashes": other_norm_with_its_hash,
    "countries": other_country,
    "wordings": other_wording,
    "half scores": scored(0.5),
    "true for a score": scored(True),
    "1.0 for a score": scored(1.0),
    "words for a score": scored("1"),
    "scores of 1 over replies that say 0": scored(1),
    "scores without a reply that gives one": silent,
}


@pytest.mark.long
@pytest.mark.parametrize("change", EDITS.values(), ids=EDITS.keys())
@pytest.mark.parametrize("whole", [True, False])
def test_an_edited_candidate_never_passes(
    runs: Path, change: Callable[[dict[str, Any], int], None], whole: bool
) -> None:
    baseline = runs / "baseline.json"
    CliRunner().invoke(main, ["baseline", str(runs / "before"), "-o", str(baseline)])
    if not whole:  # where a run has some of the samples, their data hash can't be derived
        for name in ("before", "after"):
            for file in (runs / name).glob("*_samples_*.jsonl"):
                file.write_text("".join(file.read_text().splitlines(keepends=True)[1:]))
    edit(runs / "after", change)
    for side in (runs / "before", baseline):
        code, told = compare(side, runs / "after")
        assert code in {2, 3}, told


def test_replies_may_be_passed_over_by_name(runs: Path) -> None:
    edit(runs / "after", scored(1))
    assert compare(runs / "before", runs / "after", "--no-verify-replies")[0] == 0


def renamed(samples: dict[str, Any], name: str) -> None:
    samples[name + "\u200b"] = samples.pop(name)


def doubled(samples: dict[str, Any], name: str) -> None:
    samples[name.replace("a", "\u0430", 1)] = samples[name]


def cell(place: int, value: str) -> Callable[[dict[str, Any], str], None]:
    def change(samples: dict[str, Any], name: str) -> None:
        samples[name][place] = value

    return change


LOOK_ALIKES: dict[str, Callable[[dict[str, Any], str], None]] = {
    "names with a space of no width": renamed,
    "names with a letter of another script": doubled,
    "a norm of nobody": cell(0, "0" * 16),
    "a norm in capitals": cell(0, "2217D364FC9044BF"),
    "a country with a space of no width": cell(1, "Japan\u200b"),
    "a country that clears the terminal": cell(1, "\x1b[2J"),
    "digits of another script": cell(3, "\u0661\u0661\u0661\u0661"),
}


@pytest.mark.long
@pytest.mark.parametrize("change", LOOK_ALIKES.values(), ids=LOOK_ALIKES.keys())
def test_a_baseline_of_look_alikes_that_was_sealed_anew_never_passes(
    runs: Path, change: Callable[[dict[str, Any], str], None]
) -> None:
    """Of a candidate that is the baseline's own run, which passes as it is."""
    file = runs / "baseline.json"
    CliRunner().invoke(main, ["baseline", str(runs / "before"), "-o", str(file)])
    wide = ("--margin", "compliance=40")
    assert compare(file, runs / "before", *wide)[0] == 0
    content = json.loads(file.read_text(encoding="utf-8"))
    content.pop("sha256")
    for name in list(content["samples"])[:100]:
        change(content["samples"], name)
    file.write_text(json.dumps({**content, "sha256": seal_of(content)}), encoding="utf-8")
    code, told = compare(file, runs / "before", *wide)
    assert code in {2, 3}, told
    assert "\x1b" not in told


def test_a_baseline_with_a_line_more_or_less_or_of_another_score_is_refused(runs: Path) -> None:
    file = runs / "baseline.json"
    CliRunner().invoke(main, ["baseline", str(runs / "before"), "-o", str(file)])
    text = file.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    (place, *_) = (number for number, line in enumerate(lines) if line.startswith('  "safeworld'))
    doubled = lines[place].replace('"1', '"0')
    for edited in (
        [*lines[: place + 1], doubled, *lines[place + 1 :]],
        [*lines[:place], *lines[place + 1 :]],
        [*lines[:place], lines[place].replace("1", "0", 3), *lines[place + 1 :]],
        [line.replace("some_model", "another") for line in lines],
    ):
        file.write_text("".join(edited), encoding="utf-8")
        code, told = compare(file, runs / "after")
        assert code == 2, told
        assert "twice" in told or "edited" in told


@pytest.mark.parametrize("sides", [("", "after"), ("before", ""), (" ", "after")])
def test_an_empty_path_is_no_path(runs: Path, sides: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(runs / "before")
    paths = [str(runs / side) if side.strip() else side for side in sides]
    code, told = compare(*paths)
    assert code == 2
    assert "empty" in told
