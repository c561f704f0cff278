"""`align build`: what a teacher writes is judged, dropped for a reason that is counted, and never paid for twice."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lmms_eval_cross.align.cvqa_rows import CvqaFolder, CvqaHub
from lmms_eval_cross.align.dataset import AlignDataset, open_dataset, write_dataset
from lmms_eval_cross.align.examining import contrast_of
from lmms_eval_cross.align.examples import (
    ImageBlock,
    PreferencePair,
    Scores,
    SftExample,
    TextBlock,
    Turn,
    images_of,
)
from lmms_eval_cross.align.norm_list import ListedNorm, read_list
from lmms_eval_cross.align.teachers import OFFLINE_TEACHER, REPLIES
from lmms_eval_cross.data.demo_split import prepare_demo
from lmms_eval_cross.errors import AlignError
from lmms_eval_cross.settings import load_settings
from tests.align_data import make_image, make_origin, make_prompt
from tests.align_release import write_cvqa
from tests.command import cross, said
from tests.judge_server import Answer
from tests.made_runs import write_run
from tests.runs import samples_in
from tests.teacher_server import School, school, slow_down, teach

NORMS = [
    {"norm": "The host is greeted before anybody sits down.", "country": "Norway"},
    {"norm": "Shoes stay at the door.", "country": "Kenya", "language": "Swahili", "licence": "CC0-1.0"},
]
GOOD = "Wait until the host begins, for that honours the one who cooked; meanwhile lay out the bread and the salt."


@pytest.fixture
def lessons(monkeypatch: pytest.MonkeyPatch) -> Iterator[School]:
    with school(monkeypatch) as both:
        yield both


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_TEACHER", "offline")
    monkeypatch.setenv("CROSS_JUDGE", "offline")


@pytest.fixture
def norms(tmp_path: Path) -> Path:
    return write_json(tmp_path / "norms.json", NORMS)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "built"


def write_json(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path


def sft_examples(folder: Path) -> list[SftExample]:
    return [example for example in open_dataset(folder).examples() if isinstance(example, SftExample)]


def pairs_of(folder: Path) -> list[PreferencePair]:
    return [example for example in open_dataset(folder).examples() if isinstance(example, PreferencePair)]


def good_data(tmp_path: Path, *answers: str, norm: str | None = "One waits for the host.") -> AlignDataset:
    """SFT examples with a picture of their own each, and the same request."""
    examples, images = [], []
    for number, answer in enumerate(answers, start=1):
        images.append(make_image(number))
        origin = make_origin(number, country="Norway", language="English", norm=norm)
        examples.append(SftExample(make_prompt("What shall I do at this table?", images[-1]), answer, origin))
    return write_dataset(tmp_path / "good", "sft", examples, images)


# ---- scenes from norms -------------------------------------------------------------------------------------------


@pytest.mark.long
def test_norms_become_examples_that_pass_all_four(lessons: School, norms: Path, out: Path) -> None:
    result = cross("align", "build", "sft", "--from", norms, "-o", out, "--scenes", 2)
    assert result.exit_code == 0, result.output
    examples = sft_examples(out)
    assert [(each.origin.line, each.origin.country, each.origin.language) for each in examples] == [
        (1, "Norway", "English"),
        (2, "Kenya", "Swahili"),
        (1, "Norway", "English"),
        (2, "Kenya", "Swahili"),
    ]
    assert examples[1].origin.licence == "CC0-1.0"
    assert examples[0].origin.norm == NORMS[0]["norm"]
    assert examples[0].verdicts == Scores("gpt-4o-2024-08-06", 1, 1, 1, 1)
    assert examples[0].prompt[0].text.startswith("A scene of the teacher")
    assert examples[0].completion.startswith("A answer of the teacher")
    assert lessons.calls == (8, 16)
    assert {asked.headers["authorization"] for asked in lessons.teacher.judged} == {"Bearer sk-teacher"}
    manifest = open_dataset(out).manifest
    assert manifest.leak_check.state == "unchecked"
    assert [source.name for source in manifest.sources] == ["norms.json"]
    assert any("written by the teacher gpt-4o-2024-08-06" in note for note in manifest.notes)
    assert any("judged by gpt-4o-2024-08-06 with the native rubric" in note for note in manifest.notes)


def test_a_judge_of_a_scene_without_picture_is_sent_none(lessons: School, norms: Path, out: Path) -> None:
    cross("align", "build", "sft", "--from", norms, "-o", out, "--limit", 1)
    blocks = lessons.judge.judged[0].body["messages"][-1]["content"]
    assert [block["type"] for block in blocks] == ["text"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "answer", "reason"),
    [
        ("scene", Answer("no", finish_reason="content_filter"), "the teacher gave no scene (refused)"),
        ("answer", Answer("cut of", finish_reason="length"), "the teacher gave no answer (truncated)"),
        ("answer", Answer(" \n"), "the teacher gave no answer (empty)"),
        ("answer", Answer("x [fails education helpfulness]"), "the answer to learn fails education, helpfulness"),
    ],
)
def test_what_is_dropped_is_counted_by_its_reason(
    lessons: School, norms: Path, out: Path, name: str, answer: Answer, reason: str
) -> None:
    lessons.except_for(name, lambda asked: answer if "Kenya" in asked.text else teach(asked))
    result = cross("align", "build", "sft", "--from", norms, "-o", out, "--scenes", 2)
    assert result.exit_code == 0, result.output
    assert open_dataset(out).manifest.dropped == {reason: 2}
    assert f"{reason} 2" in said(result)


def test_equal_examples_are_written_once(lessons: School, norms: Path, out: Path) -> None:
    lessons.teacher.script = lambda _: Answer("One text for everything.")
    result = cross("align", "build", "sft", "--from", norms, "-o", out)
    assert result.exit_code == 0, result.output
    assert open_dataset(out).manifest.dropped == {"the same as an earlier example": 5}


def test_an_answer_without_verdict_is_dropped(lessons: School, norms: Path, out: Path) -> None:
    lessons.judge.script = lambda asked: Answer("I can't say." if "Norway" in asked.text else "Score: 1")
    lessons.except_for("scene", lambda asked: Answer("In Norway, I plan." if "Norway" in asked.text else "In Kenya."))
    result = cross("align", "build", "sft", "--from", norms, "-o", out, "--scenes", 1)
    assert result.exit_code == 0, result.output
    assert open_dataset(out).manifest.dropped == {"no verdict (unparsable)": 1}


@pytest.mark.long
def test_nothing_is_written_where_nothing_passes(lessons: School, norms: Path, out: Path) -> None:
    lessons.except_for("answer", lambda _: Answer("x [fails compliance]"))
    result = cross("align", "build", "sft", "--from", norms, "-o", out)
    assert result.exit_code == 2
    assert "No example was made" in said(result)
    assert not out.exists()


# ---- money, kills, and what is kept ------------------------------------------------------------------------------


@pytest.mark.long
def test_nothing_is_paid_for_twice(lessons: School, norms: Path, out: Path, bare_environment: Path) -> None:
    cross("align", "build", "sft", "--from", norms, "-o", out)
    paid = lessons.calls
    cross("align", "build", "sft", "--from", norms, "-o", out.with_name("again"))
    assert lessons.calls == paid
    assert sft_examples(out) == sft_examples(out.with_name("again"))
    assert "sk-" not in (bare_environment / REPLIES).read_text(encoding="utf-8")


@pytest.mark.long
def test_the_budget_holds_for_teacher_and_judge_together(
    lessons: School, norms: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_call = (100 * 2.5 + 20 * 10) / 1e6
    monkeypatch.setenv("CROSS_TEACHER_MAX_TOKENS", "20")
    monkeypatch.setenv("CROSS_TEACHER_CONCURRENCY", "1")
    monkeypatch.setenv("CROSS_JUDGE_CONCURRENCY", "1")
    monkeypatch.setenv("CROSS_JUDGE_BUDGET_USD", "0.02")
    result = cross("align", "build", "sft", "--from", norms, "-o", out, "--scenes", 20)
    assert result.exit_code == 2
    assert "(budget)" in result.output
    assert "type the same command again" in said(result)
    assert not out.exists()
    assert 0 < sum(lessons.calls) * a_call <= 0.02
    assert min(lessons.calls) > 0
    monkeypatch.delenv("CROSS_JUDGE_BUDGET_USD")
    assert cross("align", "build", "sft", "--from", norms, "-o", out, "--scenes", 20).exit_code == 0
    assert lessons.calls == (80, 160)


def test_a_budget_needs_the_teachers_price(
    lessons: School, norms: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSS_TEACHER_MODEL", "a-model-of-mine")
    monkeypatch.setenv("CROSS_JUDGE_BUDGET_USD", "1")
    result = cross("align", "build", "sft", "--from", norms, "-o", out)
    assert result.exit_code == 2
    assert "a-model-of-mine has no price" in said(result)


@pytest.mark.long
def test_partial_writes_what_is_whole_and_says_so(
    lessons: School, norms: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSS_TEACHER_MAX_TOKENS", "20")
    monkeypatch.setenv("CROSS_TEACHER_CONCURRENCY", "1")
    monkeypatch.setenv("CROSS_JUDGE_BUDGET_USD", "0.02")
    result = cross("align", "build", "sft", "--from", norms, "-o", out, "--scenes", 20, "--partial")
    assert result.exit_code == 0, result.output
    assert any(note.startswith("partial:") for note in open_dataset(out).manifest.notes)


def test_a_killed_build_goes_on_where_it_was(
    lessons: School, norms: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TEACHER", "JUDGE"):
        monkeypatch.setenv(f"CROSS_{name}_CONCURRENCY", "1")
    killed = threading.Event()
    slow_down(lessons.judge, 0.05, killed, calls=10)
    command = [sys.executable, "-m", "lmms_eval_cross", "align", "build", "sft", "--from", str(norms), "-o", str(out)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as building:
        assert killed.wait(100)
        os.kill(building.pid, signal.SIGKILL)
    assert building.returncode == -signal.SIGKILL
    assert not out.exists()
    result = cross("align", "build", "sft", "--from", norms, "-o", out)
    assert result.exit_code == 0, result.output
    for server, distinct in ((lessons.teacher, 12), (lessons.judge, 24)):
        asked = Counter(json.dumps(each.body, sort_keys=True) for each in server.judged)
        assert len(asked) == distinct
        assert asked.total() <= distinct + 2, "only what was under way, or not yet on disk, is asked again"
    assert len(sft_examples(out)) == 6


@pytest.mark.long
def test_a_reply_that_was_cut_off_on_disk_is_asked_for_again(
    lessons: School, norms: Path, out: Path, bare_environment: Path
) -> None:
    cross("align", "build", "sft", "--from", norms, "-o", out)
    calls, file = lessons.calls[0], bare_environment / REPLIES
    file.write_bytes(file.read_bytes()[:-9])
    for folder in ("second", "third"):
        assert cross("align", "build", "sft", "--from", norms, "-o", out.with_name(folder)).exit_code == 0
        assert lessons.calls[0] == calls + 1


# ---- without an endpoint -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("offline")
def test_the_offline_teacher_is_named_in_what_it_made(norms: Path, out: Path) -> None:
    result = cross("align", "build", "sft", "--from", norms, "-o", out)
    assert result.exit_code == 0, result.output
    manifest = open_dataset(out).manifest
    assert manifest.examples == 3
    assert manifest.dropped == {"the teacher gave no scene (language)": 3}
    assert any(OFFLINE_TEACHER in note and "unfit for training" in note for note in manifest.notes)
    assert any("OFFLINE JUDGE" in note for note in manifest.notes)


@pytest.mark.long
@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("contrast", ["awareness", "education", "compliance", "helpfulness"])
def test_offline_pairs_differ_in_what_they_are_named_after(norms: Path, out: Path, contrast: str) -> None:
    cross("align", "build", "sft", "--from", norms, "-o", out)
    pairs = out.with_name("pairs")
    result = cross("align", "build", "dpo", "--from", out, "--contrast", contrast, "-o", pairs)
    assert result.exit_code == 0, result.output
    assert len(pairs_of(pairs)) == 3
    assert {getattr(pair.rejected_verdicts, contrast) for pair in pairs_of(pairs)} == {0}


def test_without_a_key_nothing_is_made_offline_by_itself(
    lessons: School, norms: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CROSS_TEACHER_API_KEY")
    result = cross("align", "build", "sft", "--from", norms, "-o", out)
    assert result.exit_code == 2
    assert "CROSS_TEACHER_API_KEY is not" in said(result)
    assert not out.exists()


def test_a_wrong_key_ends_the_build_at_once(lessons: School, norms: Path, out: Path) -> None:
    lessons.teacher.keys = {"another"}
    result = cross("align", "build", "sft", "--from", norms, "-o", out)
    assert result.exit_code == 2
    assert "(unavailable)" in result.output
    assert "Nothing more is asked of the teacher" in result.output
    assert "sk-teacher" not in result.output
    assert len(lessons.teacher.judged) == 1


# ---- lists -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("norms.csv", "norm,country\nShoes stay outside.,\n", "norms.csv: country: Field required"),
        ("norms.json", '[{"norm": "x"}]', "norms.json: country"),
        ("norms.jsonl", '{"norm": "x", "country": "Y"}\n{', "can't be read as .jsonl"),
        ("norms.csv", 'norm,country\n"x', "norms.csv is no whole CSV"),
        ("norms.txt", "x", "is no list of norms"),
    ],
)
def test_a_list_that_is_none_is_refused(
    lessons: School, out: Path, tmp_path: Path, name: str, content: str, told: str
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    result = cross("align", "build", "sft", "--from", tmp_path / name, "-o", out)
    assert result.exit_code == 2
    assert told in said(result)
    assert lessons.calls == (0, 0)


def test_a_list_that_a_spreadsheet_saved_is_read_or_told_how_to_save(tmp_path: Path) -> None:
    sheet = tmp_path / "norms.csv"
    sheet.write_text('norm;country\r\n"Shoes, and hats,\nstay outside.";Japan\r\n', encoding="utf-8-sig")
    ((_, row),) = read_list(sheet, ListedNorm)
    assert (row.norm, row.country) == ("Shoes, and hats,\nstay outside.", "Japan")
    sheet.write_text("norm,country\nShoes stay outside.,Japan\n", encoding="utf-16")
    with pytest.raises(AlignError, match="not UTF-8; save the spreadsheet as CSV UTF-8"):
        read_list(sheet, ListedNorm)


# ---- pairs -------------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_a_teacher_makes_an_answer_worse_in_a_named_dimension(lessons: School, out: Path, tmp_path: Path) -> None:
    data = good_data(tmp_path, GOOD)
    told = ("--contrast", "education", "--contrast", "compliance")
    result = cross("align", "build", "dpo", "--from", data.folder, *told, "-o", out)
    assert result.exit_code == 0, result.output
    education, compliance = pairs_of(out)
    assert (education.contrast, compliance.contrast) == ("education", "compliance")
    assert education.chosen == GOOD
    assert education.chosen_verdicts == Scores("gpt-4o-2024-08-06", 1, 1, 1, 1)
    assert education.rejected_verdicts == Scores("gpt-4o-2024-08-06", 1, 0, 1, 1)
    assert not education.lengths_differ
    assert lessons.calls == (2, 12), "the good answer is judged once"
    (block,) = images_of(education)
    assert open_dataset(out).image(str(block.sha256)).data == make_image(1).data
    manifest = open_dataset(out).manifest
    assert manifest.unsafe_rejected
    assert manifest.sources[0].name == "good"


@pytest.mark.long
@pytest.mark.parametrize(
    ("worse", "reason"),
    [
        ("Another answer.", "the answer to avoid passes education"),
        ("x [fails education helpfulness]", "the answer to avoid for education fails helpfulness too"),
        (GOOD, "the two answers are equal"),
    ],
)
def test_a_pair_that_differs_otherwise_is_dropped(
    lessons: School, out: Path, tmp_path: Path, worse: str, reason: str
) -> None:
    lessons.except_for("degrade", lambda _: Answer(worse))
    data = good_data(tmp_path, GOOD)
    result = cross("align", "build", "dpo", "--from", data.folder, "--contrast", "education", "-o", out)
    assert result.exit_code == 2
    assert f"{reason} 1" in said(result)


@pytest.mark.long
def test_a_pair_of_unlike_lengths_is_marked(lessons: School, out: Path, tmp_path: Path) -> None:
    lessons.except_for("degrade", lambda _: Answer("Short. [fails education]"))
    data = good_data(tmp_path, GOOD)
    result = cross("align", "build", "dpo", "--from", data.folder, "--contrast", "education", "-o", out)
    assert result.exit_code == 0, result.output
    assert pairs_of(out)[0].lengths_differ
    assert "1 pairs whose lengths differ" in said(result)
    assert any("lengths_differ" in note for note in open_dataset(out).manifest.notes)


def test_an_example_without_a_norm_can_not_be_judged(lessons: School, out: Path, tmp_path: Path) -> None:
    data = good_data(tmp_path, GOOD, norm=None)
    result = cross("align", "build", "dpo", "--from", data.folder, "-o", out)
    assert "names no norm or country to judge by 1" in said(result)
    assert lessons.calls == (0, 0)


@pytest.mark.long
def test_examples_that_the_judge_can_not_be_shown_are_dropped(lessons: School, out: Path, tmp_path: Path) -> None:
    origin = make_origin(country="Norway", norm="One waits for the host.")
    question = make_prompt("And now?")
    lost = (Turn("user", (TextBlock("And here?"), ImageBlock(None, "lost.png"))),)
    long = (*question, Turn("assistant", (TextBlock("Sit."),)), *question)
    examples = [SftExample(prompt, GOOD, origin) for prompt in (question, lost, long)]
    data = write_dataset(tmp_path / "good", "sft", examples, [])
    result = cross("align", "build", "dpo", "--from", data.folder, "-o", out)
    assert result.exit_code == 0, result.output
    assert open_dataset(out).manifest.dropped == {
        "the example's picture is missing": 1,
        "the example has several turns or pictures, and the judge is shown one of each": 1,
    }


def test_two_pictures_with_equal_answers_make_no_pair(lessons: School, out: Path, tmp_path: Path) -> None:
    data = good_data(tmp_path, GOOD, GOOD)
    result = cross("align", "build", "dpo", "--from", data.folder, "--contrast", "picture", "-o", out)
    assert "the two pictures have equal answers 2" in said(result)
    assert lessons.calls == (0, 0)


@pytest.mark.long
def test_examples_that_share_a_request_are_contrasted_by_picture(lessons: School, out: Path, tmp_path: Path) -> None:
    other = "Begin at once, as the bell has rung."

    def by_picture(asked: Any) -> Answer:
        first = make_image(1).data in _pictures_sent(asked)
        right = GOOD in asked.text if first else other in asked.text
        return Answer(f"Score: {int(right)}")

    lessons.judge.script = by_picture
    data = good_data(tmp_path, GOOD, other)
    result = cross("align", "build", "dpo", "--from", data.folder, "--contrast", "picture", "-o", out)
    assert result.exit_code == 0, result.output
    one, two = pairs_of(out)
    assert (one.chosen, one.rejected, two.chosen, two.rejected) == (GOOD, other, other, GOOD)
    assert one.contrast == two.contrast == "picture"
    assert lessons.calls == (0, 16)


@pytest.mark.long
def test_an_answer_that_is_right_for_both_pictures_makes_no_pair(lessons: School, out: Path, tmp_path: Path) -> None:
    data = good_data(tmp_path, GOOD, "Greet the host, who then begins.")
    result = cross("align", "build", "dpo", "--from", data.folder, "--contrast", "picture", "-o", out)
    assert result.exit_code == 2
    assert "the other picture's answer is right for this picture too 2" in said(result)


@pytest.mark.long
def test_a_list_names_two_pictures_and_the_teacher_answers(lessons: School, out: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"{number}.png").write_bytes(make_image(number).data)
    row = {"request": "Shall I wear these?", "country": "Norway", "norm": "No boots on the rug."}
    listed = write_json(tmp_path / "two.json", [{**row, "picture": "1.png", "other_picture": "2.png"}])
    lessons.except_for("plain", lambda _: Answer("Wear them. [fails awareness]"))
    result = cross("align", "build", "dpo", "--from", listed, "-o", out)
    assert result.exit_code == 0, result.output
    (pair,) = pairs_of(out)
    assert (pair.contrast, pair.rejected) == ("picture", "Wear them. [fails awareness]")
    assert [block.name for block in images_of(pair)] == ["1.png"]
    assert lessons.calls == (2, 8)
    assert all(_pictures_sent(asked) for asked in lessons.teacher.judged)


@pytest.mark.long
def test_the_models_own_answers_are_paired_best_against_worst(
    lessons: School, out: Path, tmp_path: Path, bare_environment: Path
) -> None:
    demo = prepare_demo(bare_environment)
    samples = samples_in(demo, "demo")[:5]
    bad, worst = f"{GOOD[:-20]} [fails education]", f"{GOOD[:-20]} [fails awareness education compliance]"
    mixed = "x [fails education helpfulness]"
    rounds = [(GOOD, GOOD, bad, GOOD, GOOD), (bad, GOOD, bad, mixed, "y"), (worst, GOOD, worst, mixed, "z")]
    folders = []
    for number, answers in enumerate(rounds):
        responses = dict(zip([sample.sample_id for sample in samples], answers, strict=True))
        scores = {sample.sample_id: (1, 1, 1, 1) for sample in samples}
        folders += ["--from", write_run(tmp_path / f"r{number}", samples, scores, responses=responses)]
    result = cross("align", "build", "dpo", *folders, "-o", out)
    assert result.exit_code == 0, result.output
    (pair,) = pairs_of(out)
    assert (pair.chosen, pair.rejected, pair.contrast) == (GOOD, worst, "compliance")
    assert pair.prompt[0].text == samples[0].query
    assert open_dataset(out).manifest.dropped == {
        "all rounds gave the same answer": 1,
        "no round's answer passes all four dimensions": 1,
        "the failing answers fail what no one dimension stands for": 1,
        "every round's answer passes all four dimensions": 1,
    }


@pytest.mark.parametrize(
    ("failed", "name"),
    [
        ({"awareness", "education", "compliance"}, "compliance"),
        ({"awareness", "education"}, "awareness"),
        ({"education"}, "education"),
        ({"helpfulness"}, "helpfulness"),
        ({"education", "helpfulness"}, None),
    ],
)
def test_a_pair_is_named_after_what_its_rejected_answer_fails(failed: set[Any], name: str | None) -> None:
    assert contrast_of(frozenset(failed)) == name


def test_one_run_is_no_choice_of_answers(lessons: School, out: Path, tmp_path: Path) -> None:
    result = cross("align", "build", "dpo", "--from", tmp_path, "-o", out)
    assert result.exit_code == 2
    assert "two runs or more" in said(result)


# ---- CVQA --------------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_options_of_cvqa_become_open_ended_answers(lessons: School, out: Path, tmp_path: Path) -> None:
    write_cvqa(tmp_path / "cvqa")
    result = cross("align", "build", "sft", "--from", tmp_path / "cvqa", "-o", out)
    assert result.exit_code == 0, result.output
    first = sft_examples(out)[0]
    assert first.prompt[0].text == "Which bread lies on the cloth?"
    assert (first.origin.country, first.origin.licence) == ("Norway", "CC BY-NC 4.0")
    assert first.origin.norm == "In Norway: Which bread lies on the cloth? Oat"
    assert any("The right answer is: Oat\n" in asked.text for asked in lessons.teacher.judged)
    assert "(0)" not in first.completion
    assert len(open_dataset(out).manifest.files) == 2
    assert lessons.calls == (5, 20)


@pytest.mark.long
def test_rows_of_cvqa_that_are_damaged_are_dropped(lessons: School, out: Path, tmp_path: Path) -> None:
    write_cvqa(tmp_path / "cvqa")
    file = tmp_path / "cvqa" / "test-00000.parquet"
    no_option, no_picture = pq.read_table(file).to_pylist()
    no_option["Label"], no_picture["image"]["bytes"] = 4, b"not a picture"
    pq.write_table(pa.Table.from_pylist([no_option, no_picture]), file)
    result = cross("align", "build", "sft", "--from", tmp_path / "cvqa", "-o", out)
    assert result.exit_code == 0, result.output
    assert open_dataset(out).manifest.dropped == {
        "the row lacks question, country or right option": 1,
        "the row's picture can't be decoded": 1,
    }


@pytest.mark.long
def test_a_hub_that_is_not_reached_ends_in_a_sentence(lessons: School, out: Path) -> None:
    result = cross("align", "build", "sft", "--from", "nobody/no-such-data", "-o", out)
    assert result.exit_code == 2
    assert "nobody/no-such-data can't be had from the Hub" in said(result)


@pytest.mark.long
def test_datasets_reads_the_same_rows_as_from_the_hub(tmp_path: Path) -> None:
    write_cvqa(tmp_path / "cvqa")
    assert list(CvqaHub(str(tmp_path / "cvqa"))) == list(CvqaFolder(tmp_path / "cvqa"))


# ---- settings ----------------------------------------------------------------------------------------------------


def test_a_misspelt_teacher_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_TEACHER_MODLE", "x")
    result = cross("config")
    assert result.exit_code == 2
    assert "did you mean CROSS_TEACHER_MODEL?" in result.output


def test_the_teachers_key_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_TEACHER_API_KEY", "sk-canary")
    assert "sk-canary" not in cross("config").output + repr(load_settings())


def _pictures_sent(asked: Any) -> list[bytes]:
    import base64

    blocks = asked.body["messages"][-1]["content"]
    urls = [block["image_url"]["url"] for block in blocks if block["type"] == "image_url"]
    return [base64.b64decode(url.partition(",")[2]) for url in urls]
