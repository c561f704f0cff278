"""Training data: ids, folder, manifest."""

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lmms_eval_cross.align.dataset import AlignDataset, DatasetWriter, open_dataset, write_dataset
from lmms_eval_cross.align.examples import ImageBlock, PreferencePair, Scores, SftExample, TextBlock, Turn
from lmms_eval_cross.align.manifest import LeakCheck, SourceFile
from lmms_eval_cross.errors import AlignError, SettingsError
from tests.align_data import make_example, make_image, make_origin, make_pair, make_prompt


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_what_is_written_is_read_again(kind: str, folder: Path) -> None:
    image = make_image(1)
    told = {
        "licence": "CC BY 4.0",
        "country": "Kenya",
        "language": "Swahili",
        "norm": "One waits.",
        "part": "exclusive",
    }
    judged = Scores("gpt-4o", 1, 0, None, 1)
    sft = [replace(make_example(1, image, **told), verdicts=judged), make_example(2)]
    dpo = [replace(make_pair(1, image, "picture", **told), rejected_verdicts=judged), make_pair(2)]
    examples = sft if kind == "sft" else dpo
    write_dataset(folder, kind, examples, [image, image], [SourceFile("made_up.jsonl", None, 2)], ["a note"])
    read = open_dataset(folder)
    assert list(read.examples()) == examples
    assert list(read.images()) == [image]
    assert read.image(image.sha256) == image
    assert (len(read), read.manifest.images, read.manifest.missing_images) == (2, 1, 0)
    assert read.manifest.unsafe_rejected == (kind == "dpo")
    assert read.manifest.notes == ("a note",)


def test_ids_follow_from_content_and_from_nothing_else() -> None:
    image = make_image(1)
    example = make_example(1, image)
    elsewhere = SftExample(
        make_prompt("What is the custom at table 1 in the old town?", image, "b.jpg"),
        example.completion,
        make_origin(9),
    )
    assert elsewhere.id == example.id
    assert replace(example, completion="Another.").id != example.id
    assert make_example(1).id != example.id
    missing = SftExample((Turn("user", (TextBlock("Q"), ImageBlock(None, "a.jpg"))),), "A", make_origin())
    other = SftExample((Turn("user", (TextBlock("Q"), ImageBlock(None, "b.jpg"))),), "A", make_origin())
    assert missing.id != other.id


@pytest.mark.parametrize(
    "make",
    [
        lambda: SftExample((), "A", make_origin()),
        lambda: SftExample((Turn("assistant", (TextBlock("Q"),)),), "A", make_origin()),
        lambda: SftExample(make_prompt("Q"), " ", make_origin()),
        lambda: PreferencePair(make_prompt("Q"), "A", "A", "compliance", make_origin()),
        lambda: PreferencePair(make_prompt("Q"), "A", "", "compliance", make_origin()),
    ],
)
def test_an_example_that_teaches_nothing_can_not_be_made(make: object) -> None:
    with pytest.raises(AlignError, match=r"^made_up\.jsonl:1: "):
        make()  # type: ignore[operator]


@pytest.mark.long
def test_datasets_reads_both_files(folder: Path, tmp_path: Path) -> None:
    import datasets

    image = make_image(1)
    write_dataset(folder, "dpo", [make_pair(1, image), make_pair(2)], [image])
    cache = str(tmp_path / "cache")
    rows = datasets.load_dataset("parquet", data_files=str(folder / "examples.parquet"), split="train", cache_dir=cache)
    assert rows["rejected_is_unsafe"] == [True, True]
    assert rows[0]["prompt"][0]["blocks"][1]["sha256"] == image.sha256
    images = datasets.load_dataset("parquet", data_files=str(folder / "images.parquet"), split="train", cache_dir=cache)
    assert hashlib.sha256(images[0]["bytes"]).hexdigest() == images[0]["sha256"]
    assert (images[0]["width"], images[0]["height"]) == (96, 64)


def test_pictures_are_read_in_any_order(folder: Path) -> None:
    images = [make_image(number) for number in range(40)]
    data = write_dataset(folder, "sft", [make_example(1)], images)
    for image in [images[39], images[0], images[16], images[15], images[39]]:
        assert data.image(image.sha256) == image
    with pytest.raises(AlignError, match="no picture 000000000000"):
        data.image("0" * 64)


def test_a_writer_that_fails_leaves_nothing(folder: Path) -> None:
    def examples() -> object:
        yield make_example(1)
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="broke"):
        write_dataset(folder, "sft", examples(), [])  # type: ignore[arg-type]
    assert list(folder.parent.iterdir()) == [folder.parent / "home"]


def test_what_does_not_belong_is_refused(folder: Path) -> None:
    with pytest.raises(AlignError, match="a dataset is of one kind, and this one is sft"):
        write_dataset(folder, "sft", [make_pair(1)], [])
    with pytest.raises(AlignError, match=f"were not given: {make_image(1).sha256[:12]}"):
        write_dataset(folder, "sft", [make_example(1, make_image(1))], [])
    assert not folder.exists()
    folder.mkdir()
    with pytest.raises(AlignError, match="is there already"):
        write_dataset(folder, "sft", [make_example(1)], [])


def test_a_place_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="can't be written"), DatasetWriter(tmp_path / "file" / "data", "sft"):
        pass


def test_a_missing_picture_is_counted_and_kept_by_name(folder: Path) -> None:
    prompt = (Turn("user", (TextBlock("Q"), ImageBlock(None, "7_0.jpg"))),)
    data = write_dataset(folder, "sft", [SftExample(prompt, "A", make_origin())], [])
    assert data.manifest.missing_images == 1
    assert next(data.examples()).prompt == prompt


@pytest.mark.parametrize("manifest", [None, "[]", "{}", '{"format": "cross-align/9"}', "\xff"])
def test_a_folder_that_is_none_is_told(manifest: str | None, folder: Path) -> None:
    folder.mkdir()
    if manifest is not None:
        (folder / "manifest.json").write_text(manifest, encoding="latin-1")
    with pytest.raises(AlignError, match=r"is no dataset folder .* give one that `align` wrote"):
        open_dataset(folder)


def test_a_changed_file_is_told(folder: Path) -> None:
    write_dataset(folder, "sft", [make_example(1)], [])
    with (folder / "examples.parquet").open("ab") as file:
        file.write(b"x")
    with pytest.raises(AlignError, match=r"examples.parquet is not the file that manifest.json names"):
        open_dataset(folder)
    (folder / "examples.parquet").unlink()
    with pytest.raises(AlignError, match="is not the file"):
        open_dataset(folder)


def test_the_outcome_of_a_check_stays_in_the_manifest(folder: Path) -> None:
    written: AlignDataset = write_dataset(folder, "sft", [make_example(1)], [])
    assert written.manifest.leak_check.state == "unchecked"
    check = LeakCheck("leaked", "2026-11-28T02:00:00Z", "ab" * 32, "cd" * 32, {"text_leaks": 1})
    written.mark(check)
    assert open_dataset(folder).manifest.leak_check == check


def test_a_stream_of_examples_takes_constant_memory(folder: Path) -> None:
    """50,000 examples are 40 MB, which no compression makes smaller; the writer and the reader hold a batch."""
    script = f"""
import resource
from base64 import b85encode
from dataclasses import replace
from pathlib import Path
from random import Random
from lmms_eval_cross.align.dataset import open_dataset, write_dataset
from tests.align_data import make_example

def example(number):
    return replace(make_example(number), completion=b85encode(Random(number).randbytes(600)).decode())

folder = Path({str(folder)!r})
write_dataset(folder / "warm", "sft", map(example, range(5000)), [])
sum(1 for _ in open_dataset(folder / "warm").examples())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
write_dataset(folder / "large", "sft", map(example, range(50_000)), [])
print(sum(1 for _ in open_dataset(folder / "large").examples()))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    folder.mkdir()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    count, kilobytes = map(int, done.stdout.split())
    assert count == 50_000
    assert kilobytes < 20_000
