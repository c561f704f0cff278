"""Human labels: what import refuses, what export shows and hides, and the page in a real browser."""

import csv
import io
import json
from pathlib import Path

import krippendorff
import pytest

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.records import DIMENSIONS, Sample
from lmms_eval_cross.data.prepared import Prepared
from lmms_eval_cross.text import harmless
from lmms_eval_cross.trust.anchor import load_anchor
from lmms_eval_cross.trust.human_labels import load_labels
from lmms_eval_cross.trust.label_pages import COLUMNS
from lmms_eval_cross.trust.sealed import read_sealed, write_sealed
from tests.command import cross
from tests.judged_runs import chance, noisy, provenance, write_run
from tests.runs import samples_in

ANN, BOB = chance("ann", 0.5), noisy(chance("ann", 0.5), "bob")
HOSTILE = '=HYPERLINK("http://example.invalid")</script><script>document.title="pwned"</script>'


@pytest.fixture
def samples(prepared: Prepared) -> dict[str, Sample]:
    return {each.sample_id: each for each in samples_in(prepared, "casa_english")}


@pytest.fixture
def batch(tmp_path: Path, samples: dict[str, Sample]) -> Path:
    """The folder of a batch of 20."""
    told = provenance(rubric_sha256=session.data_for("casa_english").rubric.sha256)
    run = write_run(
        tmp_path / "run", list(samples.values()), chance("judge"), told, lambda each: f"{HOSTILE} {each.item}"
    )
    result = cross("label", "export", run, "--n", 20, "--output", tmp_path / "batch")
    assert result.exit_code == 0, result.output
    return tmp_path / "batch"


def filled(batch: Path, samples, name: str, rule, path: Path, changes=()) -> Path:
    """batch.csv, filled in by a rule; `changes` go into the first row."""
    rows = list(csv.DictReader(io.StringIO((batch / "batch.csv").read_text())))
    for row in rows:
        row |= {"annotator": name} | {d: str(rule(samples[row["sample_id"]], d)) for d in DIMENSIONS}
    rows[0] |= dict(changes)
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8-sig")
    return path


# --- import refuses ---


@pytest.mark.long
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"compliance": "2"}, "row 2: compliance is '2', and labels are 0, 1, or ? for can't tell."),
        ({"batch": "0123"}, "row 2 is of batch '0123'"),
        ({"sample_id": "casa/english/Nowhere_1/1"}, "row 2: 'casa/english/Nowhere_1/1' is not in the batch"),
        ({"annotator": " "}, "row 2 has labels and no annotator"),
    ],
)
def test_a_wrong_cell_is_refused_by_its_place_and_nothing_is_written(tmp_path, batch, samples, changes, sentence):
    path = filled(batch, samples, "ann", ANN, tmp_path / "ann.csv", changes)
    result = cross("label", "import", batch / "batch.json", path, "--output", tmp_path / "labels.json")
    assert result.exit_code == 2
    assert f"ann.csv, {sentence}" in result.output
    assert not (tmp_path / "labels.json").exists()


def test_the_same_labels_twice_are_refused(tmp_path, batch, samples):
    one, two = (filled(batch, samples, "ann", ANN, tmp_path / name) for name in ("one.csv", "two.csv"))
    result = cross("label", "import", batch / "batch.json", one, two)
    assert result.exit_code == 2
    assert "two.csv, row 2: ann labels casa/english/" in result.output


@pytest.mark.parametrize("name", ["Ann", "ann\u200b", "\uff41nn", " ann"])
def test_a_name_that_reads_the_same_is_the_same_annotator(tmp_path, batch, samples, name):
    paths = [filled(batch, samples, one, ANN, tmp_path / str(place)) for place, one in enumerate(("ann", name))]
    result = cross("label", "import", batch / "batch.json", *paths, "--output", tmp_path / "labels.json")
    assert result.exit_code == 2
    assert "a second time; give each annotator's file once." in result.output


def test_an_empty_batch_and_a_file_without_the_columns_are_refused(tmp_path, batch):
    result = cross("label", "import", batch / "batch.json", batch / "batch.csv", "--output", tmp_path / "labels.json")
    assert "No answer is labelled in these files" in result.output
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    result = cross("label", "import", batch / "batch.json", other)
    assert result.exit_code == 2
    assert "other.csv lacks the column batch" in result.output
    other.write_bytes(b"\xff\xfe1")
    assert "other.csv is not UTF-8" in cross("label", "import", batch / "batch.json", other).output


@pytest.mark.long
@pytest.mark.parametrize("place", ["batch", "ann.csv/x.json"])
def test_a_label_file_that_cannot_be_written_is_a_sentence_and_leaves_nothing(tmp_path, batch, samples, place):
    labels = filled(batch, samples, "ann", ANN, tmp_path / "ann.csv")
    before = sorted(tmp_path.iterdir())
    result = cross("label", "import", batch / "batch.json", labels, "--output", tmp_path / place)
    assert result.exit_code == 2
    assert "can't be written (" in result.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_the_spreadsheet_in_place_of_the_batch_is_refused_and_the_batch_named(batch):
    result = cross("label", "import", batch / "batch.csv", batch / "batch.csv")
    assert result.exit_code == 2
    assert "batch.csv, a spreadsheet; give the batch.json that `label export` wrote with it." in result.stderr


def test_the_folder_that_export_wrote_stands_for_its_batch(tmp_path, batch):
    """`label import labels a.csv` after `label export -o labels`."""
    told = [cross("label", "import", each, tmp_path / "none.csv") for each in (batch, batch / "batch.json")]
    assert told[0].output == told[1].output
    assert "none.csv" in told[0].output


def test_a_batch_that_cannot_be_written_is_a_sentence(batch):
    result = cross("label", "export", batch / "batch.json", "--n", 5, "--output", "/proc/x")
    assert result.exit_code == 2
    assert "/proc/x/batch.json can't be written (" in result.stderr


def test_a_batch_is_never_written_over(tmp_path, batch):
    result = cross("label", "export", tmp_path / "run", "--output", batch)
    assert result.exit_code == 2
    assert "holds a batch already" in result.output


@pytest.mark.long
@pytest.mark.parametrize("content", ["", "[]", "{}", '{"batch": {}, "annotations": [], "schema": "x"}'])
def test_another_file_is_no_label_file(tmp_path, content, batch):
    path = tmp_path / "labels.json"
    path.write_text(content)
    result = cross("label", "correct", tmp_path / "run", path)
    assert result.exit_code == 2
    assert "labels.json is no " in result.output


def test_a_label_file_whose_judge_was_changed_is_refused(tmp_path, batch, samples):
    path = filled(batch, samples, "ann", ANN, tmp_path / "ann.csv")
    cross("label", "import", batch / "batch.json", path, "--output", tmp_path / "labels.json")
    text = (tmp_path / "labels.json").read_text()
    (tmp_path / "labels.json").write_text(text.replace('"id":"old-judge"', '"id":"new-judge"'))
    result = cross("label", "correct", tmp_path / "run", tmp_path / "labels.json")
    assert result.exit_code == 2
    assert "labels.json was changed after it was written" in result.output


def test_a_label_file_bound_to_a_judge_that_it_does_not_hold_is_refused(tmp_path, batch, samples):
    path = filled(batch, samples, "ann", ANN, tmp_path / "ann.csv")
    cross("label", "import", batch / "batch.json", path, "--output", tmp_path / "labels.json")
    content = read_sealed((tmp_path / "labels.json").read_bytes())
    content["batch"]["judgements"][0]["judge"]["rubric_sha256"] = "b" * 64
    write_sealed(tmp_path / "labels.json", content)
    result = cross("label", "correct", tmp_path / "run", tmp_path / "labels.json")
    assert result.exit_code == 2
    assert "labels.json is bound to another judge, rubric or profile than it holds" in result.output


def test_fewer_than_ten_labels_of_a_class_correct_nothing(tmp_path, batch, samples):
    path = filled(batch, samples, "ann", lambda each, dimension: 1, tmp_path / "ann.csv")
    cross("label", "import", batch / "batch.json", path, "--output", tmp_path / "labels.json")
    result = cross("label", "correct", tmp_path / "run", tmp_path / "labels.json", "--json", tmp_path / "out.json")
    assert result.exit_code == 2
    assert "awareness has 20 labels of 1 and 0 of 0 that fit, and 10 of each are needed" in result.output
    assert not (tmp_path / "out.json").exists()


# --- export ---


def test_annotators_see_no_verdict_and_the_frozen_batch_no_text(batch, samples):
    page, table, frozen = ((batch / name).read_text() for name in ("label.html", "batch.csv", "batch.json"))
    assert "Score: " not in page + table
    assert "old-judge" not in page + table
    some = next(iter(samples.values()))
    assert some.norm in table
    assert some.norm not in frozen
    assert "kept" not in frozen


def test_no_cell_of_the_spreadsheet_is_a_formula(batch):
    rows = list(csv.DictReader(io.StringIO((batch / "batch.csv").read_text())))
    assert len(rows) == 20
    assert all(row["answer"].startswith("'=HYPERLINK") for row in rows)
    assert [harmless(cell) for cell in ("+1", "-1", "@x", "1")] == ["'+1", "'-1", "'@x", "1"]


def test_whoever_stops_early_has_labelled_a_random_part(tmp_path, batch):
    frozen = [item["sample_id"] for item in json.loads((batch / "batch.json").read_text())["items"]]
    table = [row["sample_id"] for row in csv.DictReader(io.StringIO((batch / "batch.csv").read_text()))]
    page = (batch / "label.html").read_text()
    assert sorted(table) == sorted(frozen)
    assert table not in (sorted(table), frozen)
    assert sorted(table, key=page.index) == table
    cross("label", "export", tmp_path / "run", "--n", 20, "--output", tmp_path / "again")
    assert (tmp_path / "again" / "batch.csv").read_text() == (batch / "batch.csv").read_text()


def test_labels_come_back_with_everybodys_agreement(tmp_path, batch, samples):
    paths = [filled(batch, samples, name, rule, tmp_path / name) for name, rule in (("ann", ANN), ("bob", BOB))]
    result = cross("label", "import", batch / "batch.json", *paths, "--output", tmp_path / "labels.json")
    assert "20 of 20 answers labelled by ann, bob." in result.output
    labels = load_labels(tmp_path / "labels.json")
    items = [samples[item.sample_id] for item in labels.batch.items]
    for dimension in DIMENSIONS:
        ratings = [[rule(each, dimension) for each in items] for rule in (ANN, BOB)]
        expected = krippendorff.alpha(reliability_data=ratings, level_of_measurement="nominal")
        assert labels.alpha(dimension) == pytest.approx(expected)


def test_a_spreadsheet_saved_with_semicolons_is_read(tmp_path, batch, samples):
    path = filled(batch, samples, "ann", ANN, tmp_path / "ann.csv")
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows(rows)
    path.write_text(text.getvalue())
    result = cross("label", "import", batch / "batch.json", path, "--output", tmp_path / "labels.json")
    assert "20 of 20 answers labelled by ann." in result.output


# --- the page ---


@pytest.fixture
def page(batch, browser):
    """The labelling page, open in Chromium."""
    context = browser.new_context(accept_downloads=True)
    opened = context.new_page()
    opened.errors = []
    opened.on("pageerror", lambda error: opened.errors.append(error))
    opened.on("console", lambda message: message.type == "error" and opened.errors.append(message.text))
    opened.goto((batch / "label.html").as_uri())
    yield opened
    context.close()
    assert opened.errors == []


def enter(page, name: str) -> None:
    page.fill("#name", name)
    page.keyboard.press("Enter")
    page.wait_for_selector("#work:not([hidden])")


def label_by_keyboard(page, samples, rule, answers: int) -> None:
    for _ in range(answers):
        sample = samples[page.get_attribute("#work", "data-sample")]
        for dimension in DIMENSIONS:
            assert page.get_attribute("fieldset.now", "data-question") == dimension
            page.keyboard.press(str(rule(sample, dimension)))


def exported(page, folder: Path) -> Path:
    with page.expect_download() as download:
        page.click("#export")
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_the_current_question_is_marked_by_its_border_which_leaves_its_name_free(page):
    """A fieldset's border stops at the legend; a shadow or an outline would run through it."""
    enter(page, "ann")
    look = """box => { const style = getComputedStyle(box);
        return [style.borderTopColor, style.boxShadow, style.outlineStyle]; }"""
    now, other = page.locator("fieldset.now").evaluate(look), page.locator("fieldset:not(.now)").first.evaluate(look)
    assert now[0] != other[0]
    assert now[1:] == other[1:] == ["none", "none"]


def test_twenty_answers_by_keyboard_a_reload_in_the_middle_and_back_into_the_label_file(page, batch, samples, tmp_path):
    enter(page, "ann")
    label_by_keyboard(page, samples, ANN, 11)
    page.keyboard.press("1")
    page.reload()
    assert page.inner_text("#count") == "11 done"
    assert page.inner_text("#title") == "Answer 12 of 20, ann"
    page.keyboard.press("ArrowUp")
    label_by_keyboard(page, samples, ANN, 9)
    assert page.inner_text("#count") == "20 done"
    path = exported(page, tmp_path)
    assert path.name == f"labels-{load_anchor(batch / 'batch.json').id[:16]}-ann.csv"
    result = cross("label", "import", batch / "batch.json", path, "--output", tmp_path / "labels.json")
    assert result.exit_code == 0, result.output
    labels = load_labels(tmp_path / "labels.json")
    assert len(labels.annotations) == 20
    for each in labels.annotations:
        assert each.labels == {name: ANN(samples[each.sample_id], name) for name in DIMENSIONS}


def test_two_annotators_at_one_browser_are_kept_apart(page, batch, samples, tmp_path):
    enter(page, "ann")
    label_by_keyboard(page, samples, ANN, 3)
    page.click("#leave")
    enter(page, "bob")
    assert page.inner_text("#count") == "0 done"
    assert page.locator('[aria-pressed="true"]').count() == 0
    label_by_keyboard(page, samples, BOB, 2)
    bob = exported(page, tmp_path)
    page.click("#leave")
    enter(page, "ann")
    assert page.inner_text("#count") == "3 done"
    ann = exported(page, tmp_path)
    cross("label", "import", batch / "batch.json", ann, bob, "--output", tmp_path / "labels.json")
    labels = load_labels(tmp_path / "labels.json")
    assert [sum(each.annotator == name for each in labels.annotations) for name in ("ann", "bob")] == [3, 2]


def test_cannot_tell_notes_and_mouse_work_and_keys_typed_into_a_note_are_no_labels(page, batch, samples, tmp_path):
    enter(page, "ann")
    page.fill("#note", "=1+1 unsure")
    page.focus("#note")
    page.keyboard.press("1")
    assert page.locator('[aria-pressed="true"]').count() == 0
    page.click("#questions fieldset:nth-child(3) button:has-text('No')")
    page.keyboard.press("?")
    path = exported(page, tmp_path)
    cross("label", "import", batch / "batch.json", path, "--output", tmp_path / "labels.json")
    (only,) = load_labels(tmp_path / "labels.json").annotations
    assert only.labels == {"awareness": None, "education": None, "compliance": 0, "helpfulness": None}
    assert only.note == "'=1+1 unsure1"


def test_a_hostile_answer_is_shown_as_text_and_the_page_calls_nobody(page):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    enter(page, "ann")
    assert page.title().startswith("Label batch ")
    assert page.inner_text("#answer").startswith(HOSTILE)
    assert page.evaluate("document.getElementById('image').naturalWidth") > 0
    assert [url for url in asked if not url.startswith("data:")] == []


def test_the_label_file_has_no_text_of_the_benchmark(tmp_path, batch, samples):
    path = filled(batch, samples, "ann", ANN, tmp_path / "ann.csv")
    cross("label", "import", batch / "batch.json", path, "--output", tmp_path / "labels.json")
    text = (tmp_path / "labels.json").read_text()
    assert json.loads(text)["schema"] == "cross-labels/1"
    assert not any(json.dumps(each.norm)[1:-1] in text for each in samples.values())
