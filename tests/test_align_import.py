"""`align import`: the release's training files, with their defects."""

import base64
from pathlib import Path

import pytest

from lmms_eval_cross.align.countries import benchmark_countries
from lmms_eval_cross.align.dataset import AlignDataset, open_dataset
from lmms_eval_cross.align.defects import latin_letters
from lmms_eval_cross.align.examples import Example, ImageBlock, TextBlock, images_of
from lmms_eval_cross.align.training_release import parse_question
from tests.align_data import make_image
from tests.align_release import (
    QUESTIONS,
    cvqa_record,
    preference_record,
    safety_record,
    write_cvqa,
    write_lines,
    write_training_files,
)
from tests.command import cross, said


@pytest.fixture
def release(tmp_path: Path) -> Path:
    write_training_files(tmp_path / "CROSS")
    return tmp_path / "CROSS"


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out"


def imported(release: Path, output: Path, *options: object) -> AlignDataset:
    result = cross("align", "import", "--source", release, "-o", output, *options)
    assert result.exit_code == 0, result.output
    return open_dataset(output / "sft")


def by_place(data: AlignDataset) -> dict[str, Example]:
    return {f"{Path(example.origin.source).stem}:{example.origin.line}": example for example in data.examples()}


def test_records_are_taken_as_they_are(release: Path, output: Path) -> None:
    data = imported(release, output)
    assert (len(data), data.manifest.images, data.manifest.missing_images) == (8, 0, 5)
    assert [source.records for source in data.manifest.sources] == [3, 2, 3]
    first = by_place(data)["cvqa_sft_gpt4o:1"]
    asked, shown = first.prompt
    assert (
        asked.text
        == "Question: Which bread lies on the cloth?\nOptions: (0) Rye  (1) Corn  (2) Wheat  (3) Oat\nAnswer:"
    )
    assert shown.blocks == (ImageBlock(None, "1000000000000000001_0.jpg"),)
    assert first.answers == ("(0)",)
    assert (first.origin.part, first.origin.country, first.origin.licence) == ("overlapped", None, None)
    assert by_place(data)["safety_sft_gpt4o_exclusive:3"].origin.part == "exclusive"


def test_defects_and_absent_files_are_told(release: Path, output: Path) -> None:
    told = said(cross("align", "import", "--source", release, "-o", output))
    assert "Absent in this copy, as upstream: data/safety_sft/safety_sft_gpt4o.jsonl, data/safety_dpo/*.jsonl." in told
    assert "user turns in a row 5 left as it is cvqa_sft_gpt4o.jsonl:1, cvqa_sft_gpt4o.jsonl:2 and 3 more" in told
    assert "equal options 1 left as it is cvqa_sft_gpt4o.jsonl:3" in told
    assert "look-alike letters 1 left as it is cvqa_sft_gpt4o_exclusive.jsonl:1" in told
    assert "speaks of a picture that is not there 1 left as it is safety_sft_gpt4o_exclusive.jsonl:2" in told
    assert "benchmark country in exclusive data 1 left as it is safety_sft_gpt4o_exclusive.jsonl:3" in told


def test_repair_changes_what_the_table_says_and_leaves_a_note(release: Path, output: Path) -> None:
    data = imported(release, output, "--repair")
    examples = by_place(data)
    assert data.manifest.notes == ("repaired by `align import --repair`",)
    assert len(examples) == 6
    assert not {"cvqa_sft_gpt4o:3", "safety_sft_gpt4o_exclusive:2"} & set(examples)
    (turn,) = examples["cvqa_sft_gpt4o:1"].prompt
    assert [type(block) for block in turn.blocks] == [TextBlock, ImageBlock]
    assert "(0) Бlack" not in examples["cvqa_sft_gpt4o_exclusive:1"].prompt[0].text
    assert "safety_sft_gpt4o_exclusive:3" in examples


def test_pictures_come_from_cvqa_by_id_and_by_question(release: Path, output: Path, tmp_path: Path) -> None:
    write_cvqa(tmp_path / "cvqa" / "data")
    data = imported(release, output, "--cvqa", tmp_path / "cvqa")
    assert data.manifest.missing_images == 0
    for place, number in {
        "cvqa_sft_gpt4o:2": 1,
        "cvqa_sft_gpt4o_exclusive:1": 3,
        "cvqa_sft_gpt4o_exclusive:2": 4,
    }.items():
        example = by_place(data)[place]
        (picture,) = images_of(example)
        assert picture.sha256 is not None
        assert data.image(picture.sha256) == make_image(number, form="JPEG")
        assert (example.origin.country, example.origin.licence) == ("Norway", "CC BY-NC 4.0")


def test_pictures_come_from_the_copy_of_cross_where_it_has_them(release: Path, output: Path) -> None:
    (release / "images" / "cvqa").mkdir(parents=True)
    (release / "images" / "cvqa" / f"{QUESTIONS[0][0]}.jpg").write_bytes(make_image(5, form="JPEG").data)
    data = imported(release, output)
    assert data.manifest.missing_images == 4
    assert list(data.images()) == [make_image(5, form="JPEG")]


def test_a_damaged_picture_is_told_and_nothing_is_left(release: Path, output: Path) -> None:
    (release / "images" / "cvqa").mkdir(parents=True)
    (release / "images" / "cvqa" / f"{QUESTIONS[0][0]}.jpg").write_bytes(make_image(5, form="JPEG").data[:500])
    result = cross("align", "import", "--source", release, "-o", output)
    assert result.exit_code == 2
    assert "images/cvqa/1000000000000000001_0.jpg can't be decoded" in said(result)
    assert not [*output.glob("*"), *output.glob(".*")]


def test_preference_files_are_taken_when_there_are_some(release: Path, output: Path) -> None:
    pairs = [preference_record("May I?", "Rather wait.", "Go on."), preference_record("May I?", "No.", "No.")]
    write_lines(release / "data/safety_dpo/safety_dpo_exclusive.jsonl", pairs)
    result = cross("align", "import", "--source", release, "-o", output)
    data = open_dataset(output / "dpo")
    (pair,) = data.examples()
    assert (pair.answers, pair.origin.part) == (("Rather wait.", "Go on."), "exclusive")
    assert data.manifest.unsafe_rejected
    assert "equal answers 1 left out safety_dpo_exclusive.jsonl:2" in said(result)
    assert "data/safety_dpo/*.jsonl" not in result.output


def test_a_picture_inside_the_record_is_stored(release: Path, output: Path) -> None:
    image = make_image(7)
    url = f"data:image/png;base64,{base64.b64encode(image.data).decode()}"
    record = safety_record("What is it?", "A bowl.")
    record["messages"][0]["content"] = [
        {"type": "text", "text": "What?"},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    write_lines(release / "data/safety_sft/safety_sft_gpt4o.jsonl", [record])
    assert list(imported(release, output).images()) == [image]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "line 2 is not JSON in UTF-8"),
        ('{"messages": []}', "line 2: messages: List should have at least 2 items"),
        ('{"messages": "\\ud800"}', "line 2 is not JSON in UTF-8"),
        (
            '{"messages": [{"role": "user", "content": "Q"}, {"role": "user", "content": "Q"}]}',
            "must end the conversation",
        ),
        (
            '{"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": " "}]}',
            "an answer is empty",
        ),
        ("[1]", "line 2"),
    ],
)
def test_a_line_in_another_shape_is_named(line: str, why: str, release: Path, output: Path) -> None:
    path = release / "data/cvqa_sft/cvqa_sft_gpt4o.jsonl"
    path.write_text(path.read_text(encoding="utf-8").splitlines()[0] + f"\n{line}\n", encoding="utf-8")
    result = cross("align", "import", "--source", release, "-o", output)
    assert result.exit_code == 2
    assert why in said(result)
    assert not (output / "sft").exists()


def test_several_pictures_and_other_defects_of_a_question(release: Path, output: Path) -> None:
    twice = cvqa_record(*QUESTIONS[0])
    twice["messages"][1]["content"] *= 2
    other = cvqa_record("1000000000000000009_0", *QUESTIONS[0][1:3], 7)
    write_lines(release / "data/cvqa_sft/cvqa_sft_gpt4o.jsonl", [cvqa_record(*QUESTIONS[0]), twice, other])
    told = said(cross("align", "import", "--source", release, "-o", output, "--repair"))
    assert "several pictures 1 left out cvqa_sft_gpt4o.jsonl:2" in told
    assert "question with another picture 1 left as it is cvqa_sft_gpt4o.jsonl:3" in told
    assert "answer names no option 1 left out cvqa_sft_gpt4o.jsonl:3" in told


@pytest.mark.parametrize("cvqa", ["nothing", "other"])
def test_a_folder_that_is_no_cvqa_is_told(cvqa: str, release: Path, output: Path, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    write_cvqa(tmp_path / "other")
    (tmp_path / "other" / "test-00001.parquet").write_bytes(b"x")
    result = cross("align", "import", "--source", release, "-o", output, "--cvqa", tmp_path / cvqa)
    assert result.exit_code == 2
    assert ("holds no Parquet file" if cvqa == "nothing" else "is no Parquet file that can be read") in said(result)


def test_a_copy_without_training_files_is_told(tmp_path: Path, output: Path) -> None:
    for source, why in ((tmp_path, "holds none of the training files"), (tmp_path / "no", "is not a folder")):
        result = cross("align", "import", "--source", source, "-o", output)
        assert result.exit_code == 2
        assert why in said(result)


def test_the_second_import_does_not_overwrite_the_first(release: Path, output: Path) -> None:
    imported(release, output)
    result = cross("align", "import", "--source", release, "-o", output)
    assert result.exit_code == 2
    assert "is there already" in said(result)


def test_questions_are_taken_apart() -> None:
    question = parse_question("Question: Which?\nOptions: (0) a (b)  (1) c, d  (2) e  (3) f\nAnswer:")
    assert question is not None
    assert question.options == ("a (b)", "c, d", "e", "f")
    assert parse_question("Which?") is None


def test_only_words_of_two_scripts_are_changed() -> None:
    assert latin_letters("Бlack рiпk мир café") == "Black piпk мир café"


def test_countries_are_seen_by_name_and_people_not_inside_words() -> None:
    assert benchmark_countries("The Javanese and the Saudis met in Indiana, near France.") == {
        "Indonesia", "Saudi Arabia", "France",
    }  # fmt: skip


def test_the_real_records_are_taken(shared_data: Path, output: Path) -> None:
    result = cross("align", "import", "--source", shared_data / "official_sample", "-o", output)
    data = open_dataset(output / "sft")
    assert (len(data), data.manifest.missing_images) == (9, 6)
    told = said(result)
    for defect in (
        "user turns in a row 6",
        "equal options 1",
        "look-alike letters 1",
        "benchmark country in exclusive data 1",
    ):
        assert defect in told
    assert "answer names no option" not in told
