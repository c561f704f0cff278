"""Facets that people assign while they label, pages by language, and what a page tells annotators."""

import csv
import io
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.records import DIMENSIONS, Sample
from lmms_eval_cross.data.prepared import Prepared
from lmms_eval_cross.trust.asked_facets import read_assigned
from lmms_eval_cross.trust.facet_file import load_facets
from lmms_eval_cross.trust.guidance import GUIDANCE, SCENE
from tests.accessibility import serious_issues
from tests.command import cross, said
from tests.judged_runs import chance, provenance, write_run
from tests.runs import samples_in

DOMAINS = "domain=shopping,meal planning"


@pytest.fixture
def samples(prepared: Prepared) -> list[Sample]:
    """Four translated samples, and the English ones of other items."""
    return [*samples_in(prepared, "casa_multilingual")[:4], *samples_in(prepared, "casa_english")[:4]]


@pytest.fixture
def run_folder(samples: list[Sample], tmp_path: Path) -> Path:
    told = provenance(rubric_sha256=session.data_for("casa_english").rubric.sha256)
    return write_run(tmp_path / "run", samples, chance("judge"), told, lambda each: f"Answer {each.item}")


def exported(run_folder: Path, folder: Path, *options: str) -> Path:
    result = cross("label", "export", run_folder, "--n", 20, "--output", folder, *options)
    assert result.exit_code == 0, result.output
    return folder


def filled(batch: Path, name: str, path: Path, /, **cells: str) -> Path:
    """The spreadsheet with these cells in every row."""
    reader = csv.DictReader(io.StringIO((batch / "batch.csv").read_text()))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, reader.fieldnames or ())
        writer.writeheader()
        writer.writerows({**row, "annotator": name, **cells} for row in reader)
    return path


# ---- facets ---------------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_facets_that_were_assigned_make_a_file_that_facets_takes(
    run_folder: Path, samples: list[Sample], tmp_path: Path
) -> None:
    batch = exported(run_folder, tmp_path / "batch", "--facet", DOMAINS)
    sheet = filled(batch, "ann", tmp_path / "ann.csv", **{"facet:domain": "shopping"}, **dict.fromkeys(DIMENSIONS, "1"))
    result = cross("label", "import", batch, sheet, "--output", tmp_path / "labels.json")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "labels.json").exists()
    facets = load_facets(tmp_path / "labels-facets.csv", [sample.sample_id for sample in samples])
    assert {facets.value(sample, "domain") for sample in samples} == {"shopping"}
    assert (
        cross("report", run_folder, "--facets", tmp_path / "labels-facets.csv", "-o", tmp_path / "p.html").exit_code
        == 0
    )


def test_people_may_assign_facets_and_label_nothing(run_folder: Path, tmp_path: Path) -> None:
    batch = exported(run_folder, tmp_path / "batch", "--facet", "domain")
    sheet = filled(batch, "ann", tmp_path / "ann.csv", **{"facet:domain": "meals"})
    result = cross("label", "import", batch, sheet, "--output", tmp_path / "labels.json")
    assert result.exit_code == 0, result.output
    assert not (tmp_path / "labels.json").exists()
    assert "for --facets" in said(result)


def test_the_value_that_most_gave_an_item_counts_and_a_tie_is_told(tmp_path: Path) -> None:
    ids = ("casa/english/Japan_1/1", "casa/english/Japan_1/2", "casa/english/Japan_2/1")
    votes = ((ids[0], "food"), (ids[1], "food"), (ids[0], "shops"), (ids[2], "food"), (ids[2], "shops"))
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("batch,sample_id,facet:domain\n" + "".join(f"b,{name},{value}\n" for name, value in votes))
    assigned = read_assigned("b", ids, [sheet])
    assert assigned.values == {"casa/Japan_1": {"domain": "food"}}
    assert assigned.tied == ["domain of casa/Japan_2"]
    assert "as many said one as another of domain of casa/Japan_2" in assigned.sentence


@pytest.mark.parametrize("facet", ["country", "=a,b", "domain=a", "domain=a,a", " "])
def test_a_facet_that_can_not_be_asked_is_one_sentence(facet: str, run_folder: Path, tmp_path: Path) -> None:
    result = cross("label", "export", run_folder, "--facet", facet, "--output", tmp_path / "batch")
    assert result.exit_code == 2
    assert "--facet" in said(result)
    assert not (tmp_path / "batch").exists()


def test_a_facet_of_another_batch_is_refused(run_folder: Path, tmp_path: Path) -> None:
    batch = exported(run_folder, tmp_path / "batch", "--facet", "domain")
    sheet = filled(batch, "ann", tmp_path / "ann.csv", batch="0123", **{"facet:domain": "meals"})
    result = cross("label", "import", batch, sheet, "--output", tmp_path / "labels.json")
    assert result.exit_code == 2
    assert "ann.csv" in said(result)


# ---- languages ------------------------------------------------------------------------------------------------------


def test_a_page_a_language_and_one_batch_behind_all_of_them(
    run_folder: Path, samples: list[Sample], tmp_path: Path
) -> None:
    batch = exported(run_folder, tmp_path / "batch", "--by-language")
    languages = {sample.language for sample in samples}
    assert len(list(batch.glob("label-*.html"))) == len(list(batch.glob("batch-*.csv"))) == len(languages)
    rows: list[dict[str, str]] = []
    for table in batch.glob("batch-*.csv"):
        part = list(csv.DictReader(io.StringIO(table.read_text())))
        assert len({row["language"] for row in part}) == 1
        rows += part
    assert sorted(row["sample_id"] for row in rows) == sorted(sample.sample_id for sample in samples)


# ---- the page -------------------------------------------------------------------------------------------------------


def opened(browser: Browser, batch: Path, name: str = "label.html", **options: object) -> Page:
    page = browser.new_page(**options)
    page.goto((batch / name).as_uri())
    return page


def test_annotators_read_a_content_note_and_an_example_a_question_before_they_start(
    run_folder: Path, tmp_path: Path, browser: Browser
) -> None:
    page = opened(browser, exported(run_folder, tmp_path / "batch"), viewport={"width": 390, "height": 800})
    assert page.evaluate("window.scrollY") == 0, "the note is what a phone shows first"
    words = page.inner_text("#start")
    assert "Content note." in words
    assert SCENE in words
    for example in GUIDANCE.values():
        assert example.yes in words
        assert example.no in words
    page.fill("#name", "ann")
    page.keyboard.press("Enter")
    assert page.locator("#questions button").all_inner_texts()[:3] == ["Yes 1", "No 0", "Can't tell ?"]
    page.close()


def test_a_translated_request_has_its_english_beside_it(
    run_folder: Path, samples: list[Sample], prepared: Prepared, tmp_path: Path, browser: Browser
) -> None:
    english = {sample.sample_id: sample.query for sample in samples_in(prepared, "casa_english")}
    page = opened(browser, exported(run_folder, tmp_path / "batch"))
    page.fill("#name", "ann")
    page.keyboard.press("Enter")
    seen = 0
    for _ in samples:
        subset, setting, item, _ = str(page.get_attribute("#work", "data-sample")).split("/")
        shown = page.locator("#english").is_visible()
        assert shown == (setting == "multilingual")
        if shown:
            assert page.inner_text("#english") == " ".join(english[f"{subset}/english/{item}/1"].split())
            seen += 1
        page.click("#next")
    assert seen == 4
    page.close()


def test_the_page_asks_for_a_facet_and_says_when_all_is_done(
    run_folder: Path, samples: list[Sample], tmp_path: Path, browser: Browser
) -> None:
    batch = exported(run_folder, tmp_path / "batch", "--facet", DOMAINS)
    page = opened(browser, batch)
    page.fill("#name", "ann")
    page.keyboard.press("Enter")
    for place in range(len(samples)):
        for _ in DIMENSIONS:
            page.keyboard.press("1")
        assert page.inner_text("#count") == f"{place} done"  # the facet is missing yet, so that the page stays
        assert not page.locator("#finished").is_visible()
        page.select_option("#facets select", "shopping")
        page.locator("#facets select").evaluate("select => select.blur()")
        page.click("#next")
    assert page.locator("#finished").is_visible()
    with page.expect_download() as download:
        page.click("#export-last")
    download.value.save_as(tmp_path / "ann.csv")
    result = cross("label", "import", batch, tmp_path / "ann.csv", "--output", tmp_path / "labels.json")
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(io.StringIO((tmp_path / "labels-facets.csv").read_text())))
    assert {row["domain"] for row in rows} == {"shopping"}
    assert {row["item"] for row in rows} == {f"{sample.subset}/{sample.item}" for sample in samples}
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_issue_before_the_start_at_work_and_at_the_end(
    scheme: str, run_folder: Path, samples: list[Sample], tmp_path: Path, browser: Browser
) -> None:
    batch = exported(run_folder, tmp_path / "batch", "--facet", DOMAINS)
    page = opened(browser, batch, color_scheme=scheme)
    assert serious_issues(page) == []
    page.fill("#name", "ann")
    page.keyboard.press("Enter")
    page.click("details summary")
    page.keyboard.press("1")
    assert serious_issues(page) == []
    for _ in samples:
        page.select_option("#facets select", "shopping")
        page.locator("#facets select").evaluate("select => select.blur()")
        for _ in DIMENSIONS:
            page.keyboard.press("1")
    expect(page.locator("#finished")).to_be_visible()
    assert serious_issues(page) == []
    page.close()
