"""`align export`: every format with its traps, the unsafe half marked, and nothing from data that are not clean."""

import base64
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lmms_eval_cross.align.dataset import AlignDataset, open_dataset, write_dataset
from lmms_eval_cross.align.examples import Example, ImageBlock, PreferencePair, SftExample, TextBlock, Turn
from lmms_eval_cross.align.export import FORMATS
from lmms_eval_cross.align.manifest import LeakCheck
from lmms_eval_cross.cli.align_export import FORMATS as OFFERED
from tests.align_data import make_example, make_image, make_origin, make_pair, make_prompt
from tests.align_release import write_cvqa, write_training_files
from tests.command import cross, said

LOCAL = ["llamafactory", "ms-swift", "axolotl", "internvl"]
HOSTED = ["openai", "azure", "together", "fireworks"]
IMAGE = make_image(1)
GIF = make_image(2, form="GIF")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out"


def clean(folder: Path, examples: list[Any]) -> AlignDataset:
    kind = "sft" if isinstance(examples[0], SftExample) else "dpo"
    return write_dataset(folder, kind, examples, [IMAGE, GIF]).mark(LeakCheck("clean", "2026-11-28", "ab", "cd"))


@pytest.fixture
def sft(tmp_path: Path) -> AlignDataset:
    two_turns = (
        Turn("user", (TextBlock("Which bread?"),)),
        Turn("user", (ImageBlock(IMAGE.sha256, "a.png"),)),
    )
    picture_first = (Turn("user", (ImageBlock(GIF.sha256, "b.gif"), TextBlock("Which hat?"))),)
    examples: list[Example] = [
        SftExample(two_turns, "Rye.", make_origin(1)),
        SftExample(picture_first, "Felt.", make_origin(2)),
        *map(make_example, range(3, 12)),
    ]
    return clean(tmp_path / "sft", examples)


@pytest.fixture
def dpo(tmp_path: Path) -> AlignDataset:
    return clean(tmp_path / "dpo", [make_pair(1, IMAGE, "picture"), *map(make_pair, range(2, 12))])


def export(data: AlignDataset, to: str, output: Path, *options: str) -> str:
    result = cross("align", "export", data.folder, "--to", to, "-o", output, *options)
    assert result.exit_code == 0, result.output
    return said(result)


def lines_in(output: Path) -> list[dict[str, Any]]:
    (path,) = output.glob("*.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_command_offers_every_format() -> None:
    assert list(OFFERED) == list(FORMATS)


@pytest.mark.parametrize("to", [*LOCAL[:3], *HOSTED, "trl"])
def test_what_was_changed_is_told(to: str, sft: AlignDataset, output: Path) -> None:
    told = export(sft, to, output)
    assert f"{output}: 11 examples." in told
    assert "neighbouring turns of one role joined: 1" in told
    assert "text put before the picture, as our tasks send it: 1" in told
    assert "Left out" not in told


@pytest.mark.long
def test_trl_and_datasets_open_sft_data(sft: AlignDataset, output: Path, tmp_path: Path) -> None:
    import datasets
    from trl.data_utils import is_conversational, prepare_multimodal_messages

    export(sft, "trl", output)
    rows = datasets.load_dataset("parquet", data_dir=str(output), split="train", cache_dir=str(tmp_path / "cache"))
    assert [len(images) for images in rows["images"]] == [1, 1] + 9 * [0]
    assert is_conversational(rows[0])
    assert [block["type"] for block in rows[1]["prompt"][0]["content"]] == ["text", "image"]
    for row in rows:
        (turn,) = prepare_multimodal_messages(row["prompt"], row["images"])
        assert turn["content"][0]["type"] == "text"
        assert [block["image"].size for block in turn["content"][1:]] == [(96, 64)] * len(row["images"])
    assert rows[0]["completion"] == [{"role": "assistant", "content": [{"type": "text", "text": "Rye."}]}]


@pytest.mark.long
def test_trl_and_datasets_open_pairs(dpo: AlignDataset, output: Path, tmp_path: Path) -> None:
    import datasets
    from trl.data_utils import is_conversational, prepare_multimodal_messages

    export(dpo, "trl", output)
    rows = datasets.load_dataset("parquet", data_dir=str(output), split="train", cache_dir=str(tmp_path / "cache"))
    assert rows.column_names == ["prompt", "chosen", "rejected", "images", "rejected_is_unsafe"]
    assert set(rows["rejected_is_unsafe"]) == {True}
    assert is_conversational(rows[0])
    for side in ("chosen", "rejected"):
        prepare_multimodal_messages(rows[0]["prompt"] + rows[0][side], rows[0]["images"])
    assert rows[0]["rejected"][0]["content"][0]["text"] == "Begin at once at table 1."


def test_llamafactory(sft: AlignDataset, dpo: AlignDataset, output: Path) -> None:
    export(sft, "llamafactory", output / "sft")
    first, second, third, *_ = lines_in(output / "sft")
    assert first["messages"] == [
        {"role": "user", "content": "Which bread?<image>"},
        {"role": "assistant", "content": "Rye."},
    ]
    assert hashlib.sha256((output / "sft" / first["images"][0]).read_bytes()).hexdigest() == IMAGE.sha256
    assert second["images"][0].endswith(".gif")
    assert third["images"] == []
    export(dpo, "llamafactory", output / "dpo")
    (info,) = json.loads((output / "dpo" / "dataset_info.json").read_text()).values()
    assert info["ranking"] is True
    assert (output / "dpo" / info["file_name"]).is_file()
    first = lines_in(output / "dpo")[0]
    assert [message["role"] for message in first["messages"]] == ["user"]
    assert set(info["columns"].values()) <= set(first)
    assert first["rejected"] == {"role": "assistant", "content": "Begin at once at table 1."}


def test_ms_swift(dpo: AlignDataset, output: Path) -> None:
    export(dpo, "ms-swift", output)
    first = lines_in(output)[0]
    assert [message["role"] for message in first["messages"]] == ["user", "assistant"]
    assert first["messages"][0]["content"].count("<image>") == len(first["images"]) == 1
    assert first["rejected_response"] == "Begin at once at table 1." != first["messages"][1]["content"]


def test_axolotl_takes_sft_data_alone(sft: AlignDataset, dpo: AlignDataset, output: Path) -> None:
    export(sft, "axolotl", output)
    content = lines_in(output)[0]["messages"][0]["content"]
    assert [block["type"] for block in content] == ["text", "image"]
    assert (output / content[1]["path"]).is_file()
    assert "processor_type: AutoProcessor" in (output / "axolotl.yml").read_text()
    result = cross("align", "export", dpo.folder, "--to", "axolotl", "-o", output / "dpo")
    assert result.exit_code == 2
    assert "axolotl takes sft data" in said(result)


def test_internvl_takes_pairs_alone(sft: AlignDataset, dpo: AlignDataset, output: Path) -> None:
    export(dpo, "internvl", output)
    first, second, *_ = lines_in(output)
    assert first["question"] == "What may I do at table 1?<image>"
    assert (output / first["image"]).is_file()
    assert "image" not in second
    assert cross("align", "export", sft.folder, "--to", "internvl", "-o", output / "sft").exit_code == 2


@pytest.mark.parametrize("to", HOSTED)
def test_hosted_sft_data_carry_their_pictures(to: str, sft: AlignDataset, output: Path) -> None:
    export(sft, to, output)
    first, second, third, *_ = lines_in(output)
    assert set(first) == {"messages"}
    text, picture = first["messages"][0]["content"]
    assert text == {"type": "text", "text": "Which bread?"}
    kind, data = picture["image_url"]["url"].split(";base64,")
    assert (kind, base64.b64decode(data)) == ("data:image/png", IMAGE.data)
    assert second["messages"][0]["content"][1]["image_url"]["url"].startswith("data:image/png;base64,")
    assert isinstance(third["messages"][0]["content"], str)


@pytest.mark.parametrize("to", HOSTED)
def test_hosted_pairs(to: str, dpo: AlignDataset, output: Path) -> None:
    told = export(dpo, to, output)
    lines = lines_in(output)
    assert set(lines[0]) == {"input", "preferred_output", "non_preferred_output"}
    assert len(lines) == (11 if to == "together" else 10)
    assert (f"{to} takes pairs of texts alone: 1" in told) == (to != "together")


@pytest.mark.parametrize(("to", "least"), [("openai", 10), ("azure", 10), ("fireworks", 3)])
def test_too_few_examples_for_a_service_are_told(to: str, least: int, tmp_path: Path, output: Path) -> None:
    data = clean(tmp_path / "few", [make_example(number) for number in range(least - 1)])
    result = cross("align", "export", data.folder, "--to", to, "-o", output)
    assert result.exit_code == 2
    assert f"{to} takes {least} examples or more, and only {least - 1} are left" in said(result)
    assert not output.exists()


def test_too_many_pictures_for_a_service_are_told(tmp_path: Path, output: Path) -> None:
    many = (Turn("user", (TextBlock("Which?"), *11 * [ImageBlock(IMAGE.sha256, "a")])),)
    data = clean(tmp_path / "many", [SftExample(many, "Rye.", make_origin()), *map(make_example, range(10))])
    assert "Left out: more than 10 pictures: 1" in export(data, "openai", output)


@pytest.mark.parametrize("to", ["llamafactory", "ms-swift", "internvl"])
def test_a_placeholder_in_a_users_text_is_not_taken_for_a_picture(to: str, tmp_path: Path, output: Path) -> None:
    examples: list[PreferencePair] = [make_pair(1), replace(make_pair(2), prompt=make_prompt("What is <image>?"))]
    told = export(clean(tmp_path / "data", examples), to, output)
    assert len(lines_in(output)) == 1
    assert "its text has `<image>`, which would be taken for a picture: 1" in told


def test_an_example_without_its_picture_is_left_out(tmp_path: Path, output: Path) -> None:
    missing = SftExample((Turn("user", (TextBlock("Q"), ImageBlock(None, "a.jpg"))),), "A", make_origin())
    data = clean(tmp_path / "data", [missing, make_example(1)])
    assert "Left out: a picture is missing: 1" in export(data, "trl", output / "some")
    data = clean(tmp_path / "none", [missing])
    result = cross("align", "export", data.folder, "--to", "trl", "-o", output / "none")
    assert result.exit_code == 2
    assert "nothing of" in said(result)
    assert not (output / "none").exists()


@pytest.mark.parametrize("to", [to for to, form in FORMATS.items() if "dpo" in form.kinds])
def test_the_unsafe_half_is_marked(to: str, dpo: AlignDataset, output: Path) -> None:
    export(dpo, to, output)
    page = (output / "DISCLAIMER.md").read_text(encoding="utf-8")
    assert "Every rejected answer is unsafe on purpose." in page
    assert "clean on 2026-11-28" in page
    assert len(list(output.glob("train_pairs_with_unsafe_rejected.*"))) == 1
    if to in LOCAL:
        assert all(line["rejected_is_unsafe"] for line in lines_in(output))


@pytest.mark.parametrize(("state", "flag"), [("leaked", "--allow-leaks"), ("unverified", "--allow-unverified")])
def test_data_that_are_not_clean_need_a_flag(state: Any, flag: str, sft: AlignDataset, output: Path) -> None:
    sft.mark(LeakCheck(state, "2026-11-28"))
    result = cross("align", "export", sft.folder, "--to", "trl", "-o", output)
    assert result.exit_code == 2
    assert flag in said(result)
    assert not output.exists()
    export(open_dataset(sft.folder), "trl", output, flag)
    assert f"{state} on 2026-11-28" in (output / "DISCLAIMER.md").read_text(encoding="utf-8")


def test_an_export_does_not_overwrite(sft: AlignDataset, output: Path) -> None:
    export(sft, "trl", output)
    result = cross("align", "export", sft.folder, "--to", "trl", "-o", output)
    assert result.exit_code == 2
    assert "is there already" in said(result)


@pytest.mark.long
def test_from_the_release_to_a_trainers_file(tmp_path: Path, output: Path) -> None:
    write_training_files(tmp_path / "CROSS")
    write_cvqa(tmp_path / "cvqa")
    options = ["--source", tmp_path / "CROSS", "--cvqa", tmp_path / "cvqa", "-o", tmp_path / "data", "--repair"]
    assert cross("align", "import", *options).exit_code == 0
    folder = tmp_path / "data" / "sft"
    assert cross("align", "check", folder, "--allow-unverified").exit_code == 0
    told = export(open_dataset(folder), "llamafactory", output, "--allow-unverified")
    assert "6 examples" in told
    assert "repaired by `align import --repair`".capitalize() in (output / "DISCLAIMER.md").read_text(encoding="utf-8")
