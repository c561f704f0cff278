"""The page in Debian's Chromium: offline, quiet, quick, readable, and deaf to hostile answers."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.records import DIMENSIONS, JudgeFailure
from lmms_eval_cross.benchmark.splits import DEMO
from lmms_eval_cross.report.build import build_report
from lmms_eval_cross.report.page import render_page
from lmms_eval_cross.report.page_options import PageOptions
from lmms_eval_cross.report.write import Extras, Targets, write_report
from lmms_eval_cross.runs.run_files import load_run
from tests import judged_runs
from tests.accessibility import serious_issues
from tests.report_runs import (
    JUDGE,
    demo_answers,
    demo_rounds,
    demo_sample,
    judged,
    make_run,
    samples_of,
    verdict,
    write_run,
)
from tests.run_folders import Judged

PICTURES = os.environ.get("CROSS_PICTURES")
"""A folder for the pictures of README and docs; `make pictures` sets it."""
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
MARGIN = 16
"""Around what a picture shows, in pixels."""
Open = Callable[..., Any]


@contextmanager
def opened(browser: Browser, page_file: Path, fragment: str = "", **options: Any) -> Iterator[Page]:
    """The page from its file; on leaving, it must have said nothing on the console and asked for nothing."""
    page = browser.new_page(**{"viewport": DESKTOP, **options})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.on("request", lambda request: complaints.append(request.url))
    page.goto(f"{page_file.as_uri()}{fragment}")
    yield page
    page.close()
    allowed = (page_file.as_uri(), "data:image/webp;base64,")
    assert [each for each in complaints if not each.startswith(allowed)] == []


@pytest.fixture(scope="session")
def demo_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the two demo models, judged offline."""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CROSS_HOME", str(folder / "home"))
        patch.setenv("CROSS_JUDGE", "offline")
        shipped = Path(str(files("lmms_eval_cross.demo"))) / "responses"
        told = session.provenance_for(DEMO)
        runs = [
            write_run(folder / name, demo_answers(shipped / f"{name}.jsonl"), told) for name in ("careless", "careful")
        ]
        page = folder / "report.html"
        write_report(runs, Targets(page), PageOptions())
    return page


def open_details(page: Page) -> None:
    """Open all that is closed, and wait for what is made only then."""
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    expect(page.locator("details.later > template")).to_have_count(0)


def choose(page: Page, name: str, value: str) -> str:
    """Set a filter; gives the number of samples found, in words."""
    page.select_option(f"#filter-{name}", label=value)
    return page.inner_text("#found")


# ---- hostile answers ---------------------------------------------------------------------------------------------

HOSTILE = [
    "<script>window.harmed = 1; alert(1)</script>",
    "</script><script>window.harmed = 1</script>",
    '</script><img src=x onerror="window.harmed = 1">',
    "<!--<script>window.harmed = 1",
    ']]></p></div><svg onload=alert(1)><a href="javascript:alert(1)">press</a>',
    '<a href="javascript:window.harmed=1">press</a> [press](javascript:alert(1))',
    '"><style>*{display:none}</style><base href="https://example.org/"><meta http-equiv="refresh" content="0">',
    "{{ 7 * 7 }} {% raw %} ${7*7} \u2028\u2029 \x00 \x1b[31m",
    "\u202edrow sdrawkcab\u202c \u2066\u2067 and on",
    "a" * 100_000,
    "<b>" * 20_000,
]


def hostile_answers() -> list[Judged]:
    samples = [
        demo_sample(number, query=text[:500], norm=f"{text[:300]} {number}", sample_id=f"casa/english/<b>{number:02}/1")
        for number, text in enumerate(HOSTILE)
    ]
    broken = JudgeFailure("compliance", "unparsable", HOSTILE[0], HOSTILE[1])
    return [
        (sample, text, {**{name: verdict(name, 1, text) for name in DIMENSIONS}, "compliance": broken})
        for sample, text in zip(samples, HOSTILE, strict=True)
    ]


def test_hostile_answers_run_nothing(browser: Browser, tmp_path: Path) -> None:
    name = '"><img src=x onerror=alert(1)><!--'
    folder = write_run(tmp_path / name, hostile_answers(), others={"<script>alert(1)": {"</script>": 0.5}})
    (file,) = write_report([folder], Targets(tmp_path / "page.html"), PageOptions())
    with opened(browser, file) as page:
        for row in range(len(HOSTILE)):
            page.locator(".row").nth(row).click()
            page.locator(".answer summary", has_text="What the judge said").click()
            shown = page.locator(".answer .says").first.text_content()
            expected = HOSTILE[row]
            assert shown == expected
        assert page.evaluate("window.harmed") is None
        assert page.locator("main img, main a[href^='javascript'], base").count() == 0
        assert page.title() == f"Cultural safety: {name}"
        assert page.evaluate("document.documentElement.scrollWidth") == DESKTOP["width"]


def test_policy_stops_a_script_that_got_in(browser: Browser, demo_page: Path, tmp_path: Path) -> None:
    spoiled = tmp_path / "spoiled.html"
    text = demo_page.read_text(encoding="utf-8")
    spoiled.write_text(text.replace("<main>", "<main><script>window.harmed = 1</script>"), encoding="utf-8")
    page = browser.new_page()
    page.goto(spoiled.as_uri())
    assert page.evaluate("window.harmed") is None
    page.close()


def test_words_on_a_violation_say_how_they_became_compliance(browser: Browser, tmp_path: Path) -> None:
    samples = [demo_sample(n, subset="casa", sample_id=f"casa/english/X_{n}/1") for n in (1, 2)]
    answers: list[Judged] = [
        (sample, "An answer.", {name: verdict(name, score, f"{name}. Score: {1 - score}") for name in DIMENSIONS})
        for sample, score in zip(samples, (1, 0), strict=True)
    ]
    for rubric, expected in (
        ("official", ["violation 0 → compliance 1", "violation 1 → compliance 0"]),
        ("native", ["compliance", "compliance"]),
    ):
        folder = write_run(tmp_path / rubric, answers, replace(JUDGE, rubric=rubric))
        (file,) = write_report([folder], Targets(tmp_path / f"{rubric}.html"), PageOptions())
        with opened(browser, file) as page:
            for row in range(2):
                page.locator(".row").nth(row).click()
                if row == 0:  # what was opened stays open
                    page.locator(".answer summary", has_text="What the judge said").click()
                heads = page.locator(".answer details .eyebrow").all_inner_texts()
                assert heads[DIMENSIONS.index("compliance")].lower() == expected[row]
                assert heads[0].lower() == "awareness"


# ---- what people do ----------------------------------------------------------------------------------------------


def test_page_opens_with_banner_verdict_and_numbers(browser: Browser, demo_page: Path) -> None:
    with opened(browser, demo_page) as page:
        assert page.locator(".notice.offline").is_visible()
        assert "careful is safer than careless on compliance by" in page.inner_text(".verdicts")
        assert page.locator("table.scores tbody tr").count() == 2
        bottom = page.evaluate("document.querySelector('p.provenance').getBoundingClientRect().bottom")
        assert bottom <= DESKTOP["height"]


@pytest.mark.parametrize("viewport", [{"width": 1440, "height": 900}, PHONE], ids=["1440", "390"])
def test_the_first_screen_says_who_is_safer_and_what_moved(
    browser: Browser, full_page: Path, viewport: dict[str, int]
) -> None:
    with opened(browser, full_page, viewport=viewport) as page:
        for place in (".verdict", ".story"):
            box = page.locator(place).first.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] < viewport["height"]
        summary = page.inner_text("#summary")
        assert re.search(r"[0-9a-f]{12}", summary) is None
        assert re.search(r"[0-9a-f]{12}", page.inner_text("#method")) is not None


def test_a_press_on_a_column_sorts_the_runs(browser: Browser, full_page: Path) -> None:
    def column() -> list[float]:
        return [float(text) for text in page.locator(".scores td[data-label=compliance] .mean").all_inner_texts()]

    with opened(browser, full_page) as page:
        page.click(".scores thead button:has-text('compliance')")
        assert column() == sorted(column(), reverse=True)
        assert page.get_attribute(".scores th:has-text('compliance')", "aria-sort") == "descending"
        page.click(".scores thead button:has-text('compliance')")
        assert column() == sorted(column())


def test_definitions_are_one_press_away(browser: Browser, demo_page: Path) -> None:
    with opened(browser, demo_page) as page:
        assert not page.get_by_text("Does the answer keep the norm?").is_visible()
        page.click(".terms button:has-text('compliance')")
        assert page.get_by_text("Does the answer keep the norm?").is_visible()
        page.keyboard.press("Escape")
        assert not page.get_by_text("Does the answer keep the norm?").is_visible()


def test_filters_find_and_clear(browser: Browser, demo_page: Path) -> None:
    with opened(browser, demo_page) as page:
        assert page.inner_text("#found") == "12 of 12 samples"
        assert choose(page, "country", "Japan") == "4 of 12 samples"
        assert choose(page, "language", "Japanese") == "1 of 12 samples"
        page.click("button[type=reset]")
        page.wait_for_function("document.getElementById('found').textContent === '12 of 12 samples'")
        assert choose(page, "dimension", "compliance") == "12 of 12 samples"
        assert choose(page, "outcome", "runs disagree") == "10 of 12 samples"
        assert choose(page, "run", "careful") == "10 of 12 samples"
        assert choose(page, "outcome", "judged bad (0)") == "1 of 12 samples"
        assert choose(page, "outcome", "no verdict") == "0 of 12 samples"


def test_search_reads_query_norm_and_answers_in_any_script(browser: Browser, demo_page: Path) -> None:
    with opened(browser, demo_page) as page:
        for words, number in (
            ("hospital", 1),
            ("CHRYSANTHEMUMS", 2),
            ("外公", 1),
            ("القهوة", 1),
            ("jacket bandhgala", 1),
        ):
            page.fill("#search", words)
            assert page.inner_text("#found") == f"{number} of 12 samples", words


def test_keys_move_search_and_leave(browser: Browser, demo_page: Path) -> None:
    with opened(browser, demo_page) as page:
        first = page.inner_text("#detail h3")
        page.keyboard.press("j")
        second = page.inner_text("#detail h3")
        assert second != first
        page.keyboard.press("k")
        assert page.inner_text("#detail h3") == first
        page.keyboard.press("/")
        page.keyboard.type("jk")
        assert page.input_value("#search") == "jk"
        page.fill("#search", "")
        page.keyboard.press("Escape")
        assert page.evaluate("document.activeElement.id") == "list"
        page.keyboard.press("ArrowDown")
        assert page.inner_text("#detail h3") == second
        page.keyboard.press("End")
        assert page.inner_text("#detail h3") == "demo/multilingual/Saudi_Arabia_1/1"


def test_every_sample_has_a_link(browser: Browser, demo_page: Path) -> None:
    with opened(browser, demo_page) as page:
        page.keyboard.press("j")
        fragment, title = page.evaluate("location.hash"), page.inner_text("#detail h3")
        assert fragment == f"#sample={quote(title, safe='')}"  # as `compare` links to it
    with opened(browser, demo_page, fragment) as page:
        assert page.inner_text("#detail h3") == title
        page.locator(".norms a").first.click()
        wanted = page.evaluate("decodeURIComponent(location.hash.slice('#sample='.length))")
        page.wait_for_function("wanted => document.querySelector('#detail h3').textContent === wanted", arg=wanted)


def test_unknown_link_opens_the_page_as_it_is(browser: Browser, demo_page: Path) -> None:
    for fragment in ("#sample=nothing", "#sample=%E0%A4%A", "#sample="):
        with opened(browser, demo_page, fragment) as page:
            assert page.inner_text("#found") == "12 of 12 samples"


def test_tile_of_a_country_shows_its_samples(browser: Browser, demo_page: Path) -> None:
    with opened(browser, demo_page) as page:
        page.select_option("#map-measure", label="helpfulness")
        page.click("button.tile:has-text('RU')")
        assert page.inner_text("#found") == "2 of 12 samples"
        assert page.input_value("#filter-country") == "Russia"


def test_the_measure_that_is_chosen_is_in_every_chart_of_its_section(browser: Browser, demo_page: Path) -> None:
    """Tiles, small multiples and table alike; without a choice, and without scripts, it is compliance."""
    with opened(browser, demo_page) as page:
        for section, control in (("#countries", "#map-measure"), ("#slices .language", "#heat-measure")):
            caption = page.locator(f"{section} figure figcaption").first
            expect(caption).to_have_text(re.compile("^Compliance by "))
            for measure in ("helpfulness", "compliance", "education"):
                page.select_option(control, label=measure)
                expect(caption).to_have_text(re.compile(f"^{measure.capitalize()} by "))
        panels = page.locator("#countries figure .wide svg").text_content()
        page.select_option("#map-run", label="careful")
        russia = page.locator('#map .tile[title^="Russia"]')
        shown = page.locator('#countries figure .wide svg [aria-label^="careful: "]').all()
        labels = [point.get_attribute("aria-label") for point in shown]
        assert "Russia" in panels
        assert f"careful: {russia.locator('.value').text_content()}, n 2" in labels


def test_levels_become_differences_from_any_run(browser: Browser, demo_page: Path) -> None:
    with opened(browser, demo_page) as page:
        page.select_option("#map-run", label="careful")
        tile = page.locator("button.tile:has-text('RU') .value")
        level = float(tile.inner_text())
        page.select_option("#map-run", label="careless")
        base = float(tile.inner_text())
        page.select_option("#map-run", label="careful")
        page.select_option("#map-against", label="difference from careless")
        assert float(tile.inner_text().replace("−", "-")) == pytest.approx(level - base, abs=0.11)
        page.select_option("#heat-against", label="difference from careful")
        assert set(page.locator("#heat td[data-label=careful]").all_inner_texts()) == {"0.0"}
        page.select_option("#norms-against", label="difference from careful")
        shown = page.locator(".norms td[data-label=careless]").all_inner_texts()
        assert "−100.0" in shown
        far = [text for text in shown if text.startswith("−") and float(text[1:]) >= 20]
        assert page.locator(".norms td[data-label=careless].delta-0").count() == len(far)


def test_rows_that_nobody_has_opened_are_made_when_they_are(browser: Browser, full_page: Path) -> None:
    """And when somebody searches the page: what is closed is found as well."""
    rows = "#norms details tbody tr"
    with opened(browser, full_page) as page:
        assert page.locator(f"details.later tr, {rows}").count() == 0
        page.select_option("#norms-against", label="difference from short")
        page.click("#norms summary")
        expect(page.locator(rows)).to_have_count(149)
        assert set(page.locator(f"{rows} td[data-label=short]").all_inner_texts()) <= {"0.0", "–"}
        page.locator("#norms details a").last.click()
        norm = page.locator("#norms details a").last.inner_text()
        expect(page.locator(".norm-text")).to_have_text(norm)
        assert page.locator("#slices tr").count() < 20
        page.keyboard.press("Control+f")
        expect(page.locator("details.later > template")).to_have_count(0)
        assert page.get_by_text("All four dimensions by language").is_visible()


def test_print_has_a_table_that_was_opened(browser: Browser, full_page: Path) -> None:
    with opened(browser, full_page) as page:
        closed = len(page.pdf())
        page.click("#norms summary")
        expect(page.locator("#norms details tbody tr")).to_have_count(149)
        assert len(page.pdf()) > closed + 10_000


def test_right_to_left_text_runs_from_the_right(browser: Browser, demo_page: Path) -> None:
    with opened(browser, demo_page, "#sample=demo/multilingual/Saudi_Arabia_1/1") as page:
        query = page.locator(".query-text")
        assert query.evaluate("element => getComputedStyle(element).direction") == "rtl"
        assert query.get_attribute("lang") == "ar"
        place = """(element, at) => { const range = document.createRange();
            range.setStart(element.firstChild, at); range.setEnd(element.firstChild, at + 1);
            return range.getBoundingClientRect().left; }"""
        assert query.evaluate(place, 0) > query.evaluate(place, 10)
        assert page.locator(".norm-text").evaluate("element => getComputedStyle(element).direction") == "ltr"


def test_picture_is_on_the_page_or_said_to_be_missing(browser: Browser, demo_page: Path, tmp_path: Path) -> None:
    with opened(browser, demo_page) as page:
        assert page.locator(".scene img").evaluate("image => image.complete && image.naturalWidth") == 240
    runs = [write_run(tmp_path / "run", judged(samples_of(1), 0.5))]
    for options, said in ((PageOptions(), "not prepared on the machine"), (PageOptions(images=False), "left out")):
        write_report(runs, Targets(tmp_path / "page.html"), options)
        with opened(browser, tmp_path / "page.html") as page:
            assert said in page.inner_text(".no-image")


def test_a_picture_is_enlarged_by_a_press(browser: Browser, demo_page: Path) -> None:
    with opened(browser, demo_page) as page:
        page.click(".picture")
        box = page.locator(".enlarged img").bounding_box()
        assert box is not None
        assert box["width"] > 500
        page.keyboard.press("Escape")
        assert not page.locator(".enlarged img").is_visible()


def test_page_without_samples_has_a_map_and_no_browser(browser: Browser, tmp_path: Path) -> None:
    runs = [write_run(tmp_path / "run", judged(samples_of(16), 0.5))]
    write_report(runs, Targets(tmp_path / "page.html"), PageOptions(samples=False))
    with opened(browser, tmp_path / "page.html") as page:
        assert page.locator("#map .value").count() == 8
        assert page.locator("#samples").count() == 0


def test_scores_corrected_by_labels_fit_a_phone(browser: Browser, tmp_path: Path) -> None:
    samples = [judged_runs.sample(number) for number in range(400)]
    truth = judged_runs.chance("truth", 0.7)
    folder = judged_runs.write_run(tmp_path / "run", samples, judged_runs.noisy(truth, "judge"))
    judged_runs.label_set(load_run(folder), samples, truth).write(tmp_path / "labels.json")
    (file,) = write_report([folder], Targets(tmp_path / "page.html"), PageOptions(), Extras(tmp_path / "labels.json"))
    with opened(browser, file, viewport=PHONE) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        assert "run [" in page.inner_text(".corrected")
        for said in (".corrected caption", ".corrected tbody td:nth-of-type(2)", ".scroll:has(.corrected) + .note"):
            box = page.locator(said).first.bounding_box()
            assert box is not None
            assert box["x"] + box["width"] <= PHONE["width"]


@pytest.fixture(scope="session")
def full_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs with long names of all samples, with failures and another task."""
    names = ("Qwen2.5-VL-7B-Instruct", "Qwen2.5-VL-7B-Instruct-dpo-checkpoint-1200", "short")
    runs = [
        make_run(
            name, judged(samples_of(), 0.4 + 0.1 * n, n, words=3), others={"mmmu_val": {"mmmu_acc": 0.4 + 0.1 * n}}
        )
        for n, name in enumerate(names)
    ]
    page = tmp_path_factory.mktemp("full") / "report.html"
    page.write_text(render_page(build_report(runs, min_coverage=99), PageOptions()), encoding="utf-8")
    return page


SIDEWAYS = """() => { return [document.scrollingElement, ...document.querySelectorAll(".scroll, figure, figure svg")]
        .filter(each => each.scrollWidth > each.clientWidth || each.getBoundingClientRect().right > innerWidth)
        .map(each => each.outerHTML.slice(0, 120)); }"""


@pytest.mark.parametrize("width", [320, 390, 800])
@pytest.mark.parametrize("kind", ["demo", "full"])
def test_nothing_is_out_of_sight_on_a_phone(
    browser: Browser, request: pytest.FixtureRequest, kind: str, width: int
) -> None:
    page_file = request.getfixturevalue(f"{kind}_page")
    with opened(browser, page_file, viewport={"width": width, "height": 844}) as page:
        open_details(page)
        assert page.evaluate(SIDEWAYS) == []
        cell = page.locator(".scores td[data-label=compliance]").first
        assert cell.evaluate("cell => getComputedStyle(cell, '::before').content") == '"compliance"'
        titles = page.locator("#countries figure svg:visible").text_content() or ""
        countries = page.locator("#filter-country option").all_text_contents()[1:]
        assert [country for country in countries if country not in titles] == []


def test_the_first_screen_of_a_phone_reaches_to_the_intervals(browser: Browser, demo_page: Path) -> None:
    with opened(browser, demo_page, viewport=PHONE) as page:
        for part in (".verdict", ".scores tbody tr:last-child", ".provenance"):  # dates stand in the rows
            assert page.locator(part).last.evaluate("part => part.getBoundingClientRect().bottom") < PHONE["height"]
        panels = page.locator("#summary figure .narrow").first
        assert panels.evaluate("part => part.getBoundingClientRect().top") < PHONE["height"] - 200


def test_every_cell_of_a_table_names_its_column(browser: Browser, full_page: Path) -> None:
    """On a phone the head of a table is not shown."""
    with opened(browser, full_page) as page:
        open_details(page)
        tables = page.evaluate(
            """[...document.querySelectorAll(".scroll table")].map(table => [
                [...table.tHead.rows[0].cells].slice(1).map(cell => cell.innerText),
                ...[...table.tBodies[0].rows].map(row => [...row.cells].slice(1).map(cell => cell.dataset.label))])"""
        )
    assert len(tables) > 8
    for head, *rows in tables:
        assert all(row == head for row in rows), head


@pytest.mark.parametrize(("viewport", "shown", "hidden"), [(DESKTOP, "wide", "narrow"), (PHONE, "narrow", "wide")])
def test_a_screen_shows_the_charts_that_fit_it(
    browser: Browser, full_page: Path, viewport: dict[str, int], shown: str, hidden: str
) -> None:
    with opened(browser, full_page, viewport=viewport) as page:
        charts = page.locator("figure").count()
        assert page.locator(f".{shown} svg:visible").count() == charts
        assert page.locator(f".{hidden} svg:visible").count() == 0
        assert page.locator("table.scores thead").is_visible() == (viewport is DESKTOP)
        page.emulate_media(media="print")
        assert page.locator(".wide svg:visible").count() == charts
        assert page.locator("table.scores thead").is_visible()


def test_print_has_the_numbers_and_leaves_the_browser_out(browser: Browser, demo_page: Path) -> None:
    with opened(browser, demo_page) as page:
        page.emulate_media(media="print")
        assert not page.locator(".browser").is_visible()
        assert page.locator(".notice.offline").is_visible()
        assert len(page.pdf()) > 20_000


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_issue(browser: Browser, demo_page: Path, scheme: str, viewport: dict[str, int]) -> None:
    with opened(browser, demo_page, color_scheme=scheme, viewport=viewport) as page:
        open_details(page)
        assert serious_issues(page) == []


# ---- size --------------------------------------------------------------------------------------------------------


def test_twenty_runs_of_the_whole_benchmark_stay_usable(browser: Browser, tmp_path: Path) -> None:
    samples = samples_of()
    made = [make_run(f"run-{n}", judged(samples, 0.3 + 0.1 * n, n, words=30)) for n in range(4)]
    runs = [replace(made[n % 4], name=f"run-{n}") for n in range(20)]
    file = tmp_path / "page.html"
    file.write_text(render_page(build_report(runs, min_coverage=99), PageOptions()), encoding="utf-8")
    change = """([id, value]) => { const filter = document.getElementById(id), start = performance.now();
        filter.value = value; filter.dispatchEvent(new Event('input', {bubbles: true}));
        return performance.now() - start; }"""
    changes = (("search", "flowers 3"), ("filter-country", "Japan"), ("filter-outcome", "disagree"), ("search", ""))
    opening, filtering = [], []
    for _ in range(3):  # the best of three: other tests may hold the machine
        with opened(browser, file) as page:
            page.wait_for_selector(".answer")
            opening.append(page.evaluate("performance.now()"))
            page.wait_for_timeout(1_000)
            filtering.append(max(page.evaluate(change, list(each)) for each in changes))
            assert page.locator(".row").count() < 40
    assert min(opening) < 2_000
    assert min(filtering) < 100


# ---- pictures for README and docs --------------------------------------------------------------------------------


def test_pictures_of_summary_countries_and_a_sample(browser: Browser, demo_page: Path, tmp_path: Path) -> None:
    folder = Path(PICTURES) if PICTURES else tmp_path
    with opened(browser, demo_page, "#sample=demo/multilingual/Saudi_Arabia_1/1", device_scale_factor=1.5) as page:
        for name, place in (("summary", "#summary"), ("countries", "#countries"), ("sample", "#samples")):
            page.locator(place).screenshot(path=folder / f"report-{name}.png")
            assert (folder / f"report-{name}.png").stat().st_size > 20_000


def test_pictures_of_rounds_and_efforts(browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    runs = [demo_rounds(tmp_path / f"thoughtful-{effort}", effort) for effort in ("low", "medium", "high")]
    write_report(runs, Targets(tmp_path / "report.html"), PageOptions())
    picture = Path(PICTURES or tmp_path) / "report-efforts.png"
    with opened(browser, tmp_path / "report.html", device_scale_factor=1.5) as page:
        first, last = (page.locator(f"table.{name}").bounding_box() for name in ("rounds", "efforts"))
        assert first is not None
        assert last is not None
        top, bottom, edge = first["y"] - MARGIN, last["y"] + last["height"] + MARGIN, last["x"] - MARGIN
        clip = {"x": edge, "y": top, "width": last["width"] + 2 * MARGIN, "height": bottom - top}
        page.screenshot(path=picture, full_page=True, clip=clip)
    assert picture.stat().st_size > 20_000
