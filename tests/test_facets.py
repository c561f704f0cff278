"""`--facets`: what a user says of samples beside the release slices report, gate and data frame."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from lmms_eval_cross import compare_runs, load_run
from lmms_eval_cross.benchmark.facets import OWN_FACETS
from lmms_eval_cross.benchmark.records import FACETS
from lmms_eval_cross.compare.rounds import SampleFacts
from lmms_eval_cross.data.prepared import Prepared
from lmms_eval_cross.errors import LabelError
from lmms_eval_cross.trust.facet_file import load_facets
from tests.command import cross, said
from tests.made_runs import cross_samples, draw, write_run
from tests.runs import samples_in

SAMPLES = cross_samples()[:400]
DOMAINS = ("shopping", "meal planning", "outdoor activities")
ITEMS = sorted({f"{sample.subset}/{sample.item}" for sample in SAMPLES})
DOMAIN_OF = {item: DOMAINS[place % 3] for place, item in enumerate(ITEMS)}
TWO = ("casa/english/Japan_1/1", "casa/english/Japan_1/2")


def domain_of(sample_id: str) -> str:
    subset, _, item, _ = sample_id.split("/")
    return DOMAIN_OF[f"{subset}/{item}"]


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two runs; the second breaks every norm of shopping."""
    root = tmp_path_factory.mktemp("sides")
    before = draw(SAMPLES, 0.8, seed=1)
    after = {name: (0, 0, 0, 0) if domain_of(name) == "shopping" else scores for name, scores in before.items()}
    return [write_run(root / "before", SAMPLES, before), write_run(root / "after", SAMPLES, after)]


@pytest.fixture
def domains(tmp_path: Path) -> Path:
    """A domain an item."""
    path = tmp_path / "domains.csv"
    path.write_text("item,domain\n" + "".join(f"{item},{domain}\n" for item, domain in DOMAIN_OF.items()))
    return path


# ---- what reads it --------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_a_report_has_the_slices_that_were_given(sides: list[Path], domains: Path, tmp_path: Path) -> None:
    outputs = ("-o", tmp_path / "page.html", "--json", tmp_path / "report.json", "--csv", tmp_path / "csv")
    assert cross("report", *sides, "--facets", domains, *outputs).exit_code == 0
    after = json.loads((tmp_path / "report.json").read_text())["models"][1]["slices"]["domain"]
    assert set(after) == set(DOMAINS)
    assert after["shopping"]["compliance"]["mean"] == 0
    assert after["shopping"]["compliance"]["n"] == sum(domain_of(sample.sample_id) == "shopping" for sample in SAMPLES)
    assert "By domain" in (tmp_path / "page.html").read_text()
    assert "after,domain,shopping,compliance" in (tmp_path / "csv" / "slices.csv").read_text()


@pytest.mark.long
def test_compare_names_the_slice_that_fell_and_fails_by_it_where_that_is_asked_for(
    sides: list[Path], domains: Path, tmp_path: Path
) -> None:
    options = ("--facets", domains, "--margin", "helpfulness=60", "--json", tmp_path / "found.json")
    named = cross("compare", *sides, *options)
    assert named.exit_code == 0
    assert "in domain shopping" in said(named)
    assert cross("compare", *sides, *options, "--slices", "fail").exit_code == 1
    parts = json.loads((tmp_path / "found.json").read_text())["slices"]
    assert {part["value"] for part in parts if part["facet"] == "domain"} == set(DOMAINS)
    assert [part["value"] for part in parts if part["facet"] == "domain" and part["worse"]] == ["shopping"]


def test_a_baseline_file_is_sliced_too(sides: list[Path], domains: Path, tmp_path: Path) -> None:
    assert cross("baseline", sides[0], "-o", tmp_path / "baseline.json").exit_code == 0
    result = cross("compare", tmp_path / "baseline.json", sides[1], "--facets", domains, "--margin", "helpfulness=60")
    assert "in domain shopping" in said(result)


def test_the_data_frame_has_a_column_a_facet(sides: list[Path], domains: Path) -> None:
    frame = load_run(sides[1], facets=domains).to_pandas()
    assert list(frame["domain"]) == [domain_of(sample_id) for sample_id in frame["sample_id"]]
    by_domain = frame[frame["dimension"] == "compliance"].groupby("domain")["score"].mean()
    assert by_domain["shopping"] == 0
    found = compare_runs(*sides, margins={"helpfulness": 60}, slices="fail", facets=domains, resamples=100)
    assert found.exit_code == 1


# ---- the file -------------------------------------------------------------------------------------------------------


def csv_of(frame: pd.DataFrame, path: Path) -> Path:
    frame.to_csv(path.with_suffix(".csv"), index=False)
    return path.with_suffix(".csv")


def semicolons_of(frame: pd.DataFrame, path: Path) -> Path:
    frame.to_csv(path.with_suffix(".csv"), index=False, sep=";", encoding="utf-8-sig")
    return path.with_suffix(".csv")


def json_of(frame: pd.DataFrame, path: Path) -> Path:
    frame.to_json(path.with_suffix(".jsonl"), orient="records", lines=True)
    return path.with_suffix(".jsonl")


def parquet_of(frame: pd.DataFrame, path: Path) -> Path:
    frame.to_parquet(path.with_suffix(".parquet"))
    return path.with_suffix(".parquet")


@pytest.mark.parametrize("write", [csv_of, semicolons_of, json_of, parquet_of])
def test_the_same_facets_in_any_format(write: Callable[[pd.DataFrame, Path], Path], tmp_path: Path) -> None:
    frame = pd.DataFrame({"sample_id": [*TWO], "domain": ["shopping", None], "year": ["2019", "2020"]})
    facets = load_facets(write(frame, tmp_path / "facets"), TWO)
    assert facets.further == ("domain", "year")
    assert facets.values == {TWO[0]: {"domain": "shopping", "year": "2019"}, TWO[1]: {"year": "2020"}}


def test_an_item_stands_for_all_its_samples(tmp_path: Path) -> None:
    samples = (*TWO, "casa/multilingual/Japan_1/1", "safeworld/english/Japan_2/1")
    facets = load_facets(written(tmp_path, "item,domain\nJapan_1,shopping\nsafeworld/Japan_2,meals\n"), samples)
    assert [facets.values[name]["domain"] for name in samples] == ["shopping", "shopping", "shopping", "meals"]


def test_rows_of_samples_that_are_prepared_and_not_in_the_runs_are_passed_over(
    prepared: Prepared, tmp_path: Path
) -> None:
    first, other, *_ = (sample.sample_id for sample in samples_in(prepared, "casa_english"))
    facets = load_facets(written(tmp_path, f"sample_id,domain\n{first},a\n{other},b\n"), [first])
    assert facets.values == {first: {"domain": "a"}}


def written(folder: Path, text: str, name: str = "facets.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("sample_id,domain\nAtlantis_1,a\n", "names Atlantis_1, no sample or item"),
        ("sample_id,domain\nJapan_1,a\nJapan_1,b\n", "gives casa/english/Japan_1/1 two values of domain, 'a' and 'b'"),
        (f"sample_id,domain\nJapan_1,a\n{TWO[1]},b\n", f"gives {TWO[1]} two values of domain"),
        ("item,domain\nJapan_9,a\n", "names Japan_9, which is casa/Japan_9 and safeworld/Japan_9"),
        ("sample_id,country\nJapan_1,a\n", "a column 'country', a name that is taken"),
        ("sample_id,score\nJapan_1,a\n", "a column 'score', a name that is taken"),
        ("sample_id,\nJapan_1,a\n", "a column '', a name that is taken"),
        ("domain\na\n", "needs one column named sample_id or item"),
        ("sample_id,item,domain\na,b,c\n", "needs one column named sample_id or item"),
        ("item\nJapan_1\n", "has no column but item"),
        ("item,domain\n", "has no row"),
        ("item,domain\nJapan_1,\n", "says nothing in column domain"),
        ("item,domain,domain\nJapan_1,a,b\n", "2 columns are called 'domain'"),
        ("item,domain\nJapan_1,a,b\n", "more cells than the header"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    samples = (*TWO, "casa/english/Japan_9/1", "safeworld/english/Japan_9/1")
    with pytest.raises(LabelError, match=r"facets\.csv") as failure:
        load_facets(written(tmp_path, text), samples)
    assert sentence in str(failure.value)


def test_a_note_on_each_sample_is_no_facet(tmp_path: Path) -> None:
    names = [f"casa/english/Japan_{number}/1" for number in range(101)]
    rows = "".join(f"{name},note {name}\n" for name in names)
    with pytest.raises(LabelError, match="note has 101 values, a facet at most 100"):
        load_facets(written(tmp_path, f"sample_id,note\n{rows}"), names)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("facets.txt", "item,domain\nJapan_1,a\n", "no .csv, .parquet or .jsonl"),
        ("facets.parquet", "item,domain\nJapan_1,a\n", "can't be read"),
        ("facets.jsonl", '{"item": "Japan_1", "domain": "a"', "can't be read"),
        ("facets.jsonl", '["Japan_1", "a"]\n', "line 1 is no object"),
        ("facets.jsonl", '{"item": "Japan_1", "domain": ["a"]}\n', "a cell is a text or a number"),
    ],
)
def test_what_is_no_table_is_one_sentence(name: str, text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(LabelError) as failure:
        load_facets(written(tmp_path, text, name), TWO)
    assert sentence in str(failure.value)


def test_a_wrong_file_ends_the_command_before_anything_is_written(sides: list[Path], tmp_path: Path) -> None:
    wrong = written(tmp_path, "item,domain\nAtlantis_1,a\n")
    report = cross("report", sides[0], "--facets", wrong, "-o", tmp_path / "page.html")
    assert report.exit_code == 2
    assert not (tmp_path / "page.html").exists()
    assert cross("compare", *sides, "--facets", wrong).exit_code == 2
    assert cross("compare", *sides, "--facets", tmp_path / "absent.csv").exit_code == 2


# ---- wording --------------------------------------------------------------------------------------------------------


def test_by_wording_the_gate_slices_english_samples_alone_as_the_report_does() -> None:
    english, translated = (SampleFacts(f"casa/{setting}/Japan_1/1", "n", "Japan", "Japanese") for setting in SETTINGS)
    assert OWN_FACETS.value(english, "wording") == "1"
    assert OWN_FACETS.value(translated, "wording") is None
    assert OWN_FACETS.names == FACETS


SETTINGS = ("english", "multilingual")
