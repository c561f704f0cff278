"""From a copy of CROSS to Parquet: whole or not at all, once, and safe from kills and rivals."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from lmms_eval_cross.benchmark.release import FILES
from lmms_eval_cross.cli import main
from lmms_eval_cross.data.demo_split import prepare_demo
from lmms_eval_cross.data.prepared import find_prepared, require_prepared
from lmms_eval_cross.data.preparing import SAMPLE_SCHEMA, prepare
from lmms_eval_cross.errors import CrossError, DataError, NotPreparedError, RubricError, SettingsError, SourceError
from lmms_eval_cross.harness import preflight
from tests.conftest import Run
from tests.test_images import png_of_size

PICTURE = "images/casa/web-japan-bowl-1.png"
Change = Callable[[Path], object]


def silent(line: str) -> None:
    """Say nothing."""


@pytest.fixture
def copy(standin: Path, tmp_path: Path) -> Path:
    """A copy of CROSS that a test may change."""
    return Path(shutil.copytree(standin, tmp_path / "CROSS"))


def replace_text(path: str, old: str, new: str) -> Change:
    def change(copy: Path) -> None:
        text = (copy / path).read_text(encoding="utf-8")
        assert old in text
        (copy / path).write_text(text.replace(old, new), encoding="utf-8")

    return change


def write(path: str, data: bytes) -> Change:
    return lambda copy: (copy / path).write_bytes(data)


def cut(path: str) -> Change:
    return lambda copy: os.truncate(copy / path, (copy / path).stat().st_size // 2)


def remove(*paths: str) -> Change:
    return lambda copy: [(copy / path).unlink() for path in paths]


def link_out(path: str) -> Change:
    def change(copy: Path) -> None:
        outside = copy.parent / "outside"
        (copy / path).rename(outside)
        (copy / path).symlink_to(outside)

    return change


BAD: dict[str, tuple[Change, type[CrossError], str]] = {
    "two texts are missing": (
        remove("data/safeworld/multilingual.json", "code/evaluation.py"),
        SourceError,
        r"^2 files are missing .* data/safeworld/multilingual.json, code/evaluation.py\.$",
    ),
    "an image is missing": (remove(PICTURE), SourceError, rf"^1 files are missing .*complete the clone: {PICTURE}\.$"),
    "broken JSON": (cut("data/casa/english.json"), DataError, r"^data/casa/english\.json is not valid JSON"),
    "an empty list": (write("data/casa/english.json", b"[]"), DataError, "got an empty list"),
    "a number for a query": (
        replace_text("data/casa/multilingual.json", '"Argentina_14"', "14"),
        DataError,
        r"^data/casa/multilingual\.json, record 3: field index should",
    ),
    "a name that climbs": (
        replace_text("data/casa/english.json", "/web-iran-flowers-2.png", "/../../code/evaluation.py"),
        DataError,
        r"english\.json, record 5 \(Iran_27\): field file_name",
    ),
    "a cut picture": (cut(PICTURE), DataError, rf"^1 images can't be used: {PICTURE} can't be decoded"),
    "a page for a picture": (write(PICTURE, b"<html>"), DataError, rf"{PICTURE} is not one of PNG"),
    "a bomb": (write(PICTURE, png_of_size(60_000, 60_000)), DataError, rf"{PICTURE} has more than the"),
    "a picture outside": (link_out(PICTURE), SourceError, rf"^1 files lie outside .*: {PICTURE}"),
    "a text outside": (link_out("data/casa/english.json"), SourceError, r"lie outside .*: data/casa/english\.json"),
    "a judge of another shape": (write("code/evaluation.py", b"pass"), RubricError, "DIMENSION_PROMPTS is missing"),
}


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(("change", "error", "said"), BAD.values(), ids=BAD.keys())
def test_bad_copy_is_one_sentence_and_leaves_earlier_data_alone(
    standin: Path, copy: Path, tmp_path: Path, change: Change, error: type[CrossError], said: str
) -> None:
    change(copy)
    empty, used = tmp_path / "empty", tmp_path / "used"
    earlier = prepare(used, str(standin), say=silent)
    for home in (empty, used):
        with pytest.raises(error, match=said) as raised:
            prepare(home, str(copy), say=silent)
        assert str(copy) not in str(raised.value)
    assert find_prepared(empty) is None
    assert [path.name for path in empty.rglob("*") if path.is_file()] == ["prepare.lock"]
    assert sorted(path.name for path in (used / "data").iterdir()) == sorted(["current", earlier.folder.name])
    assert require_prepared(used) == earlier
    assert prepare(used, str(standin), say=silent) == earlier


def test_missing_images_are_named_one_and_all(copy: Path, tmp_path: Path) -> None:
    images = [path.relative_to(copy).as_posix() for path in sorted((copy / "images").rglob("*.*"))]
    english = json.loads((copy / "data/casa/english.json").read_bytes())
    extra = [
        {**english[0], "index": f"Japan_{n}", "file_name": f"https://x/images/casa/{n}.png"} for n in range(50, 90)
    ]
    (copy / "data/casa/english.json").write_text(json.dumps(english + extra))
    remove(*images)(copy)
    with pytest.raises(SourceError, match=rf"^{len(images) + 40} files are missing") as error:
        prepare(tmp_path / "home", str(copy), say=silent)
    for name in [*images, *(f"images/casa/{n}.png" for n in range(50, 90))]:
        assert str(error.value).count(f" {name}") == 1


@pytest.mark.parametrize("name", ["nowhere", "CROSS/code/evaluation.py"])
def test_source_that_is_no_folder_is_a_sentence(copy: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match="is not a folder; give the folder of a CROSS clone, or a base URL"):
        prepare(tmp_path / "home", str(tmp_path / name), say=silent)


def test_copy_without_a_rubric_is_good_for_judging_with_ours(copy: Path, tmp_path: Path) -> None:
    remove("code/evaluation.py")(copy)
    said: list[str] = []
    prepared = prepare(tmp_path / "home", str(copy), official=False, say=said.append)
    assert said[0].startswith("Warning: prepared without the official rubric. 1 files are missing")
    assert prepare(tmp_path / "home", str(copy), official=False, say=silent) == prepared
    with pytest.raises(RubricError, match=r"^CROSS was prepared without code/evaluation\.py"):
        _ = require_prepared(tmp_path / "home").rubric
    with pytest.raises(SourceError, match=r"code/evaluation\.py"):
        prepare(tmp_path / "home", str(copy), say=silent)


def test_native_rubric_needs_no_official_one_from_cross_source(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_SOURCE", str(copy))
    monkeypatch.setenv("CROSS_JUDGE_RUBRIC", "native")
    write("code/evaluation.py", b"pass")(copy)
    preflight.check({"casa_english"}, judged=False)
    monkeypatch.delenv("CROSS_JUDGE_RUBRIC")
    with pytest.raises(RubricError, match="was prepared without"):
        preflight.check({"casa_english"}, judged=False)


def test_revision_of_a_folder_is_refused(standin: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="--revision abc goes with a base URL"):
        prepare(tmp_path / "home", str(standin), revision="abc", say=silent)


def test_home_that_cannot_be_written_is_a_sentence(standin: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for home in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/none")):
        with pytest.raises(SettingsError, match=r"^CROSS_HOME can't be written"):
            prepare(home, str(standin), say=silent)
        with pytest.raises(SettingsError, match=r"^CROSS_HOME can't be written"):
            prepare_demo(home)


def test_full_disk_is_a_sentence_and_leaves_nothing(standin: Path, tmp_path: Path) -> None:
    def allow_small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))

    command = [sys.executable, "-B", "-m", "lmms_eval_cross", "prepare", "--source", str(standin)]
    environment = {**os.environ, "CROSS_HOME": str(tmp_path / "home")}
    done = subprocess.run(command, preexec_fn=allow_small_files, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "CROSS_HOME can't be written (file too large)" in done.stderr
    assert [path.name for path in (tmp_path / "home").rglob("*") if path.is_file()] == ["prepare.lock"]


def times(home: Path) -> dict[Path, int]:
    """When everything below a folder was written, but for locks: some releases of filelock touch theirs."""
    return {path: path.stat().st_mtime_ns for path in sorted(home.rglob("*")) if path.suffix != ".lock"}


def test_second_time_does_nothing(standin: Path, tmp_path: Path) -> None:
    first = prepare(tmp_path / "home", str(standin), say=silent)
    before = times(tmp_path / "home")
    said: list[str] = []
    assert prepare(tmp_path / "home", str(standin), say=said.append) == first
    assert said == [f"Prepared already: {first.summary}, in {first.folder}."]
    assert times(tmp_path / "home") == before


def test_force_prepares_again(standin: Path, tmp_path: Path) -> None:
    first = prepare(tmp_path / "home", str(standin), say=silent)
    sample = first.manifest.sha256, pq.read_table(first.parquet("casa_english"))
    written = first.images_path.stat().st_ino
    assert prepare(tmp_path / "home", str(standin), force=True, say=silent) == first
    assert first.images_path.stat().st_ino != written
    assert (first.manifest.sha256, pq.read_table(first.parquet("casa_english"))) == sample


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [("data/casa/english.json", "shall I bring?", "may I bring?"), ("code/evaluation.py", "for a test", "for us")],
)
def test_changed_copy_is_noticed(copy: Path, tmp_path: Path, path: str, old: str, new: str) -> None:
    before = prepare(tmp_path / "home", str(copy), say=silent)
    rubric, image = before.rubric.sha256, pq.read_table(before.images_path)["sha256"][0].as_py()
    replace_text(path, old, new)(copy)
    after = prepare(tmp_path / "home", str(copy), say=silent)
    changes_data = path.endswith("json")
    assert (after.folder != before.folder, after.rubric.sha256 != rubric) == (changes_data, not changes_data)
    assert before.images.read(image) == after.images.read(image)


def test_earlier_data_are_told_of(copy: Path, tmp_path: Path) -> None:
    said: list[str] = []
    before = prepare(tmp_path / "home", str(copy), say=silent)
    replace_text("data/casa/english.json", "shall I bring?", "may I bring?")(copy)
    prepare(tmp_path / "home", str(copy), say=said.append)
    assert said[0] == f"Earlier data stay in {before.folder.name} under CROSS_HOME; delete them when no run uses them."


@pytest.mark.parametrize("damage", [lambda path: path.write_text("{"), lambda path: path.write_text("{}"), Path.unlink])
def test_prepared_data_that_can_not_be_read_are_prepared_again(
    standin: Path, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    prepared = prepare(tmp_path / "home", str(standin), say=silent)
    damage(prepared.folder / "manifest.json")
    with pytest.raises(NotPreparedError, match="lmms-eval-cross prepare"):
        require_prepared(tmp_path / "home")
    assert prepare(tmp_path / "home", str(standin), say=silent) == prepared


KILLED_IN = """
import os, signal, sys
from pathlib import Path
from lmms_eval_cross.data import preparing

real, calls = getattr(preparing, sys.argv[3]), []
def killed(*args):
    calls.append(args)
    if len(calls) == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args)
setattr(preparing, sys.argv[3], killed)
preparing.prepare(Path(sys.argv[1]), sys.argv[2], force=True)
"""


@pytest.mark.parametrize(
    ("step", "earlier"),
    [("check_image:9", False), ("point_to:1", False), ("write_splits:1", True), ("_move_in:1", True)],
)
def test_killed_prepare_leaves_what_was_there_and_runs_to_its_end_next_time(
    standin: Path, copy: Path, tmp_path: Path, step: str, earlier: bool
) -> None:
    home = tmp_path / "home"
    before = prepare(home, str(standin), say=silent) if earlier else None
    replace_text("data/casa/english.json", "shall I bring?", "may I bring?")(copy)
    killed = subprocess.run([sys.executable, "-c", KILLED_IN, str(home), str(copy), *step.split(":")])
    assert killed.returncode == -signal.SIGKILL
    assert find_prepared(home) == before
    after = prepare(home, str(copy), say=silent)
    assert require_prepared(home) == after
    assert not (home / "data" / ".building").exists()
    assert all(after.images.read(sha256.as_py()) for sha256 in pq.read_table(after.images_path)["sha256"])


def test_two_prepares_at_once_wait_for_one_another(standin: Path, bare_environment: Path) -> None:
    command = [sys.executable, "-m", "lmms_eval_cross", "prepare", "--source", str(standin)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted(process.communicate()[0].splitlines()[-1].split(":")[0] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert said[0].startswith("Prepared 48 samples")
    assert said[1] == "Prepared already"


def test_command_prepares_and_warns_of_other_counts(cross: Run, standin: Path, bare_environment: Path) -> None:
    done = cross("prepare", "--source", str(standin))
    assert (done.returncode, done.stderr) == (0, "")
    *warnings, summary = done.stdout.splitlines()
    found = find_prepared(bare_environment)
    assert found is not None
    assert summary == (
        "Prepared 48 samples (casa_english 27, casa_multilingual 9, safeworld_english 9, safeworld_multilingual 3) "
        f"and 10 images, in {found.folder}."
    )
    assert warnings == [
        f"Warning: {file.name} has {count} records, the release {file.records}: results say `partial`."
        for file, count in zip(FILES, (27, 9, 9, 3), strict=True)
    ]


@pytest.mark.parametrize("option", ["--source", "--revision"])
def test_an_empty_option_is_refused_and_nothing_is_fetched(bare_environment: Path, option: str) -> None:
    done = CliRunner().invoke(main, ["prepare", option, ""])
    assert done.exit_code == 2
    assert f"'{option}': is empty; give it a value, or leave it out." in done.stderr
    assert not bare_environment.exists()


def test_command_ends_in_a_sentence_and_exit_code_2(cross: Run, copy: Path) -> None:
    remove(PICTURE)(copy)
    done = cross("prepare", "--source", str(copy))
    assert (done.returncode, done.stdout) == (2, "")
    told = f"1 files are missing in the folder {copy.name}; complete the clone: {PICTURE}."
    assert done.stderr == f"lmms-eval-cross: {told}\n"


def test_half_a_character_in_a_copy_still_ends_in_a_sentence(cross: Run, copy: Path) -> None:
    replace_text("data/casa/english.json", '"Japan_1"', '"Japan_\\ud800"')(copy)
    done = cross("prepare", "--source", str(copy))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "record 1" in done.stderr


@pytest.mark.long
def test_datasets_opens_every_split(standin: Path, tmp_path: Path) -> None:
    import datasets

    prepared = prepare(tmp_path / "home", str(standin), say=silent)
    files = {file.name: str(prepared.parquet(file.name)) for file in FILES}
    table = datasets.load_dataset("parquet", data_files=files, cache_dir=str(tmp_path / "cache"))
    assert {name: len(table[name]) for name in table} == prepared.manifest.rows
    assert table["casa_english"].column_names == SAMPLE_SCHEMA.names
    assert table["casa_multilingual"][0]["query"].startswith("どの器がいいですか。")


def test_images_are_stored_once_and_rows_carry_their_hash(standin: Path, tmp_path: Path) -> None:
    prepared = prepare(tmp_path / "home", str(standin), say=silent)
    files = list((standin / "images").rglob("*.*"))
    assert prepared.manifest.images == len(files) == 10
    stored = prepared.images_path.stat().st_size
    assert stored < sum(path.stat().st_size for path in files) + 2_000 * len(files)


def test_no_path_is_stored(standin: Path, tmp_path: Path) -> None:
    prepared = prepare(tmp_path / "home", str(standin), say=silent)
    for path in prepared.folder.iterdir():
        assert str(tmp_path).encode() not in path.read_bytes()
        assert str(standin).encode() not in path.read_bytes()


def test_nothing_prepared_and_no_source_says_what_to_type() -> None:
    with pytest.raises(NotPreparedError, match="type `lmms-eval-cross prepare --source path/to/CROSS` first"):
        preflight.check({"casa_english"}, judged=False)


def test_selected_task_prepares_from_cross_source(
    standin: Path, bare_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSS_SOURCE", str(standin))
    preflight.check({"demo"}, judged=False)
    assert find_prepared(bare_environment) is None
    preflight.check({"casa_english"}, judged=False)
    assert require_prepared(bare_environment).manifest.rows["casa_english"] == 27


def test_selected_task_stops_at_a_bad_cross_source(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_SOURCE", str(copy))
    remove("code/evaluation.py")(copy)
    with pytest.raises(SourceError, match=r"code/evaluation\.py"):
        preflight.check({"casa_english"}, judged=False)


def test_two_ranks_prepare_from_cross_source_once(
    standin: Path, bare_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSS_SOURCE", str(standin))
    code = "from lmms_eval_cross.harness import preflight; preflight.check({'casa_english'}, judged=False)"
    ranks = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = "".join(rank.communicate()[0] for rank in ranks)
    assert [rank.returncode for rank in ranks] == [0, 0]
    assert said.count("Prepared 48 samples") == 1
    assert require_prepared(bare_environment).manifest.images == 10
