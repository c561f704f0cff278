"""What `align` reads, made to do harm: a result or a sentence, no traceback, no waiting."""

import json
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from lmms_eval_cross.align.dataset import EXAMPLES, IMAGES, MANIFEST, open_dataset, write_dataset
from lmms_eval_cross.align.norm_list import ListedNorm, read_list
from lmms_eval_cross.align.preset import read_preset
from lmms_eval_cross.align.teacher_replies import TeacherReplies
from lmms_eval_cross.align.training_release import PREFERENCE_FOLDER
from lmms_eval_cross.errors import CrossError
from lmms_eval_cross.files import file_sha256
from lmms_eval_cross.harness.rounds_command import run_rounds
from lmms_eval_cross.judge.prices import load_prices
from lmms_eval_cross.judge.teacher import NoText
from lmms_eval_cross.runs.run_rounds import MARK
from lmms_eval_cross.runs.tuned_on import RECORD, doubtful_tunings, read_record
from tests.align_data import make_example, make_image
from tests.align_release import write_training_files
from tests.command import cross, said
from tests.test_hostile_files import DEEP
from tests.test_old_files import OLD

HALF = "\\ud800"
"""Half a character, as JSON writes it."""
CONTENTS = {
    "deep": DEEP.encode(),
    "null": b"null",
    "a number": b"7",
    "a list of lists": b"[[1]]",
    "no text": b"\xff\xfe\x00",
    "half a character": f'{{"norm": "{HALF}", "country": "{HALF}"}}'.encode(),
    "a number beyond any": b'{"norm": 1' + b"0" * 400 + b', "country": 1e999}',
}


def odd_file(path: Path, kind: str) -> None:
    path.unlink(missing_ok=True)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.write_bytes(CONTENTS[kind])


SLOW = pytest.param("deep", marks=pytest.mark.long)
"""YAML takes a second to find out."""
KINDS = (SLOW, *(kind for kind in CONTENTS if kind != "deep"), "fifo", "device")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["norms.csv", "norms.json", "norms.jsonl"])
def test_an_odd_list_is_a_sentence(tmp_path: Path, name: str, kind: str) -> None:
    odd_file(tmp_path / name, kind)
    if name.endswith(".csv") and kind in CONTENTS and kind != "no text":
        assert read_list(tmp_path / name, ListedNorm) == []  # a line of names, and no row
        return
    with pytest.raises(CrossError) as told:
        read_list(tmp_path / name, ListedNorm)
    str(told.value).encode()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["data/safety_sft/safety_sft_gpt4o_exclusive.jsonl", f"{PREFERENCE_FOLDER}/a.jsonl"])
def test_odd_training_files_are_a_sentence(bare_environment: Path, tmp_path: Path, name: str, kind: str) -> None:
    write_training_files(tmp_path / "copy")
    (tmp_path / "copy" / PREFERENCE_FOLDER).mkdir(parents=True)
    odd_file(tmp_path / "copy" / name, kind)
    result = cross("align", "import", "--source", tmp_path / "copy", "-o", tmp_path / "out")
    assert result.exit_code in {0, 2}
    if result.exit_code == 0:
        assert "Absent in this copy" in said(result)


@pytest.mark.parametrize("kind", KINDS)
def test_an_odd_preset_is_a_sentence(tmp_path: Path, kind: str) -> None:
    odd_file(tmp_path / "own.yml", kind)
    with pytest.raises(CrossError):
        read_preset(str(tmp_path / "own.yml"))


def forged(folder: Path, change: Callable[[Path], None]) -> None:
    """Change a file of a dataset, and the manifest's hash of it."""
    change(folder)
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    manifest["files"] = {name: file_sha256(folder / name) for name in (EXAMPLES, IMAGES)}
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [MANIFEST, EXAMPLES, IMAGES])
@pytest.mark.parametrize("command", ["check {}", "export {} --to llava -o out"])
def test_an_odd_dataset_is_a_sentence(
    bare_environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, name: str, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    image = make_image(1)
    write_dataset(tmp_path / "data", "sft", [make_example(1, image)], [image])
    if name == MANIFEST or kind in {"fifo", "device"}:
        odd_file(tmp_path / "data" / name, kind)
    else:
        forged(tmp_path / "data", lambda folder: odd_file(folder / name, kind))
    result = cross("align", *command.format("data").split())
    assert result.exit_code == 2, result.output


@pytest.mark.parametrize("field", ["kind", "examples", "missing_images", "files", "sources", "notes", "dropped"])
@pytest.mark.parametrize("value", [None, "x", [1], {"a": None}, "\ud800"])
def test_a_manifest_of_other_types_is_a_sentence(tmp_path: Path, field: str, value: object) -> None:
    image = make_image(1)
    write_dataset(tmp_path / "data", "sft", [make_example(1, image)], [image])
    manifest = json.loads((tmp_path / "data" / MANIFEST).read_text(encoding="utf-8"))
    (tmp_path / "data" / MANIFEST).write_text(json.dumps({**manifest, field: value}), encoding="utf-8")
    with pytest.raises(CrossError):
        open_dataset(tmp_path / "data")


@pytest.mark.parametrize(
    "line", ["[1]", "{}", '{"key": 1}', '{"key": "a", "text": 7}', '{"key": "a", "reason": null}', DEEP, "\ud800"]
)
def test_an_odd_line_of_kept_replies_is_passed_over(tmp_path: Path, line: str) -> None:
    path = tmp_path / "replies.jsonl"
    whole = json.dumps({"key": "b", "model": "m", "text": "Wait."})
    path.write_text(f"{line}\n{whole}\n", encoding="utf-8", errors="surrogatepass")
    with closing(TeacherReplies(path)) as replies:
        assert replies.find("a") is None
        assert replies.find("b") == "Wait."


def test_a_refusal_with_half_a_character_is_kept(tmp_path: Path) -> None:
    refusal = NoText("refused", "\ud800 no")
    with closing(TeacherReplies(tmp_path / "replies.jsonl")) as replies:
        replies.keep("a", "m", refusal)
    with closing(TeacherReplies(tmp_path / "replies.jsonl")) as replies:
        assert replies.find("a") == refusal


@pytest.mark.parametrize("rounds", [0, -1, True, 10**9, 10**400, "2", None, DEEP])
def test_a_mark_of_rounds_that_nobody_ran_is_a_sentence(tmp_path: Path, rounds: object) -> None:
    (tmp_path / MARK).write_text(json.dumps({"schema": "cross-rounds/1", "rounds": rounds}), encoding="utf-8")
    assert cross("compare", OLD / "baseline.json", tmp_path).exit_code == 2


@pytest.mark.parametrize("kind", KINDS)
def test_odd_lists_of_prices_rounds_and_tunings_are_sentences(tmp_path: Path, kind: str) -> None:
    odd_file(tmp_path / "own.yml", kind)
    odd_file(tmp_path / RECORD, kind)
    with pytest.raises(CrossError):
        load_prices(tmp_path / "own.yml")
    with pytest.raises((OSError, ValueError)):
        read_record(tmp_path)
    assert doubtful_tunings({"config": {"model_args": f"pretrained={tmp_path}"}}) == []


@pytest.mark.parametrize("kind", [SLOW, "no text", "a list of lists", "fifo", "device"])
def test_an_odd_config_for_rounds_is_a_sentence(tmp_path: Path, kind: str) -> None:
    odd_file(tmp_path / "own.yml", kind)
    with pytest.raises(CrossError):
        run_rounds(["--model", "m", "--config", str(tmp_path / "own.yml")], 64, 2)
