"""The sample browser: runs side by side, Markdown, differences of words, filters in the address, marks."""

import csv
import io
from pathlib import Path
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser, expect

from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.report import page as report_page
from lmms_eval_cross.report.page_options import PageOptions
from lmms_eval_cross.report.write import Extras, Targets, write_report
from tests.command import cross
from tests.report_runs import demo_sample, samples_of, verdict, write_run
from tests.run_folders import Judged
from tests.test_report_browser import choose, opened

ANSWER = "# Gifts\n- Bring **white** flowers\n1. or *fruit*, `boxed`\n```\ncode **stays**\n```\n[a link](https://example.org)"


def answers(words: str, good: int = 1) -> list[Judged]:
    return [
        (sample, f"{words} for {sample.country}", {name: verdict(name, good) for name in DIMENSIONS})
        for sample in samples_of(4)
    ]


def page_of(folder: Path, *runs: list[Judged]) -> Path:
    """The page of some runs, named r0, r1, ..."""
    places = [write_run(folder / f"r{number}", run) for number, run in enumerate(runs)]
    (file,) = write_report(places, Targets(folder / "page.html"), PageOptions())
    return file


def test_markdown_is_shown_and_every_letter_of_it_stays(browser: Browser, tmp_path: Path) -> None:
    told = {name: verdict(name, 1) for name in DIMENSIONS}
    with opened(browser, page_of(tmp_path, [(demo_sample(), ANSWER, told)])) as page:
        answer = page.locator(".answer .says").first
        assert answer.text_content() == ANSWER
        assert answer.locator("strong").all_text_contents() == ["Gifts\n", "white"]
        assert answer.locator("em").all_text_contents() == ["fruit"]
        assert answer.locator("code").all_text_contents() == ["boxed", "code **stays**\n"]
        assert answer.locator("a").count() == 0


def test_words_that_differ_are_marked_in_both_columns(browser: Browser, tmp_path: Path) -> None:
    file = page_of(tmp_path, answers("Bring white flowers today"), answers("Bring red flowers and fruit today"))
    with opened(browser, file) as page:
        page.check("#compare")
        assert page.locator(".answer del").all_text_contents() == ["white"]
        assert page.locator(".answer ins").all_text_contents() == ["red", "and", "fruit"]


def test_five_runs_stand_in_four_columns_and_a_picker_brings_the_fifth(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, page_of(tmp_path, *(answers(f"Answer {number}") for number in range(5)))) as page:
        assert page.locator(".answer h4").all_inner_texts() == ["r0", "r1", "r2", "r3"]
        page.locator("#columns select").nth(1).select_option(label="r4")
        page.locator("#columns select").nth(2).select_option(label="none")
        assert page.locator(".answer h4").all_inner_texts() == ["r0", "r4", "r3"]
        address = page.evaluate("location.hash")
        assert "columns=0%2C4%2C3" in address
    with opened(browser, tmp_path / "page.html", address) as page:
        assert page.locator(".answer h4").all_inner_texts() == ["r0", "r4", "r3"]


def test_filters_stand_in_the_address_and_come_back_from_it(browser: Browser, tmp_path: Path) -> None:
    file = page_of(tmp_path, answers("x"), answers("y", good=0))
    with opened(browser, file) as page:
        assert choose(page, "setting", "multilingual") == "8 of 32 samples"
        assert choose(page, "subset", "casa") == "4 of 32 samples"
        choose(page, "wording", "1")
        choose(page, "sort", "largest loss first")
        page.fill("#search", "c+a sa")
        address = page.evaluate("location.hash")
        assert "setting=multilingual&wording=1&sort=loss" in unquote(address)
    with opened(browser, file, address) as page:
        assert page.input_value("#search") == "c+a sa"
        page.fill("#search", "")
        assert page.inner_text("#found") == "4 of 32 samples"


def test_a_facet_of_ones_own_is_a_filter_and_stands_in_the_address(browser: Browser, tmp_path: Path) -> None:
    runs = [write_run(tmp_path / name, answers(name)) for name in ("r0", "r1")]
    japan = sorted({f"{sample.subset}/{sample.item}" for sample in samples_of(4)})[-1]
    facets = tmp_path / "facets.csv"
    facets.write_text(f'item,who & "where",10\n{japan},<b>a=b & c</b>,x\n')
    (file,) = write_report(runs, Targets(tmp_path / "page.html"), PageOptions(), Extras(facets=facets))
    with opened(browser, file) as page:
        page.get_by_role("combobox", name='Who & "where"').select_option("<b>a=b & c</b>")
        assert page.inner_text("#found") == "4 of 32 samples"
        page.locator(".row").first.click()
        assert page.inner_text("#detail .facts").endswith("· <b>a=b & c</b> · x")
        address = page.evaluate("location.hash")
    with opened(browser, file, address) as page:
        assert page.inner_text("#found") == "4 of 32 samples"
        page.get_by_role("combobox", name="10", exact=True).select_option("x")
        page.get_by_role("combobox", name='Who & "where"').select_option("")
        assert page.inner_text("#found") == "4 of 32 samples"
        page.click("button[type=reset]")
        expect(page.locator("#found")).to_have_text("32 of 32 samples")


def test_the_sample_that_lost_most_comes_first(browser: Browser, tmp_path: Path) -> None:
    before, after = answers("x"), answers("y")
    sample, words, told = after[9]
    after[9] = (sample, words, {**told, "compliance": verdict("compliance", 0)})
    with opened(browser, page_of(tmp_path, before, after)) as page:
        for order in ("largest loss first", "most disagreement first"):
            choose(page, "sort", order)
            page.locator(".row").first.click()
            assert page.inner_text("#detail h3") == sample.sample_id


def test_a_translation_has_the_english_request_beside_it(browser: Browser, tmp_path: Path) -> None:
    sample = next(each for each in samples_of(4) if each.setting == "multilingual" and each.language != "English")
    with opened(browser, page_of(tmp_path, answers("x")), f"#sample={sample.sample_id}") as page:
        assert ", English, wording 1:" in page.inner_text(".english-text")


def test_marks_stay_in_the_browser_and_label_import_reads_them(browser: Browser, tmp_path: Path) -> None:
    file = page_of(tmp_path, answers("x"))
    with opened(browser, file) as page:
        page.click(".answer .mark summary")
        page.locator(".answer .mark select").nth(DIMENSIONS.index("compliance")).select_option("0")
        page.locator(".answer .mark input").nth(1).fill('=1+1, "no"')
        title = page.inner_text("#detail h3")
        page.keyboard.press("Escape")
        page.keyboard.press("j")
        page.keyboard.press("k")
        assert page.locator(".answer .mark select").nth(DIMENSIONS.index("compliance")).input_value() == "0"
        page.click(".export summary")
        page.fill("#annotator", "ann")
        with page.expect_download() as download:
            page.click("#export")
        download.value.save_as(tmp_path / "marks.csv")
    (row,) = csv.DictReader(io.StringIO((tmp_path / "marks.csv").read_text()))
    assert (row["annotator"], row["sample_id"], row["compliance"]) == ("ann", title, "0")
    assert row["note"] == '\'=1+1, "no"'
    result = cross("label", "import", tmp_path / "r0", tmp_path / "marks.csv", "-o", tmp_path / "labels.json")
    assert result.exit_code == 0, result.output


def test_a_heavy_page_holds_its_answers_packed_and_shows_and_finds_them(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_page, "PACKED_FROM", 1)
    file = page_of(tmp_path, answers("Bring chrysanthemums"), answers("Bring nothing"))
    assert "chrysanthemums" not in file.read_text()
    with opened(browser, file) as page:
        page.wait_for_selector(".answer")
        assert page.locator(".answer .says").first.text_content() == "Bring chrysanthemums for Argentina"
        page.fill("#search", "chrysanthemums japan")
        page.wait_for_function("document.getElementById('found').textContent.startsWith('0 of')")
        page.fill("#search", "chrysanthemums")
        page.wait_for_function("document.getElementById('found').textContent === '32 of 32 samples'")
