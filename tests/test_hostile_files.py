"""Files from elsewhere, at every boundary: a result, or a sentence that names the file; no traceback, no waiting."""

import json
import os
import random
import shutil
import stat
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from lmms_eval_cross.cli import main
from lmms_eval_cross.compare.inputs import load_side
from lmms_eval_cross.data import limited_body
from lmms_eval_cross.data.demo_split import prepare_demo
from lmms_eval_cross.data.images import SCHEMA, ImageStore
from lmms_eval_cross.data.limited_body import EndlessBodyError, limited
from lmms_eval_cross.data.own_lock import own_lock
from lmms_eval_cross.data.prepared import read_samples
from lmms_eval_cross.errors import (
    AnchorError,
    CrossError,
    DataError,
    LabelError,
    NotPreparedError,
    RunError,
    SettingsError,
)
from lmms_eval_cross.files import private_folder, write_text, write_whole
from lmms_eval_cross.outside import parse_json, parse_strict_json, read_bytes
from lmms_eval_cross.runs.run_files import load_run
from lmms_eval_cross.trust.anchor import load_anchor
from lmms_eval_cross.trust.human_labels import load_labels
from lmms_eval_cross.trust.sealed import seal_of
from tests.hostile import FUZZED
from tests.test_old_files import OLD

READERS: dict[str, Callable[[Path], object]] = {
    "run/20261128_095723_samples_cross_demo.jsonl": lambda path: load_run(path.parent).judged_answers,
    "run/20261128_095723_results.json": lambda path: load_side([path.parent]),
    "baseline.json": lambda path: load_side([path]),
    "anchor.json": load_anchor,
    "labels.json": load_labels,
}
DEEP = "[" * 100_000
VALUES = (
    *(None, True, 0.5, -1, 10**400, float("nan"), float("inf"), "", "\ud800", [], {}, [[1]], {"_fields_set": 1}, DEEP),
)
"""What may stand anywhere in JSON."""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    shutil.copytree(OLD, tmp_path / "old")
    return tmp_path / "old"


def reads_or_says(reader: Callable[[Path], object], path: Path) -> None:
    try:
        reader(path)
    except CrossError as error:
        sentence = str(error)
    else:
        return
    assert "\n" not in sentence
    assert len(sentence) < 2000


def poisoned(document: Any, draw: random.Random) -> Any:
    """The document with another value at some place."""
    if isinstance(document, dict) and document and draw.random() < 0.9:
        key = draw.choice(list(document))
        return {**document, key: poisoned(document[key], draw)}
    if isinstance(document, list) and document and draw.random() < 0.9:
        place = draw.randrange(len(document))
        return [*document[:place], poisoned(document[place], draw), *document[place + 1 :]]
    return draw.choice(VALUES)


@pytest.mark.long
@pytest.mark.parametrize("name", READERS)
@pytest.mark.fuzz
@FUZZED
@given(seed=st.integers(0, 10**6))
def test_another_value_anywhere_is_a_result_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, name: str, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("old") / "old"
    shutil.copytree(OLD, folder)
    path, draw = folder / name, random.Random(seed)
    if path.suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        place = draw.randrange(len(rows))
        rows[place] = poisoned(rows[place], draw)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        content = poisoned(json.loads(path.read_text(encoding="utf-8")), draw)
        if isinstance(content, dict) and "sha256" in content:
            content.pop("sha256")
            try:
                content["sha256"] = seal_of(content)  # sealed anew, as who edits it can
            except ValueError:
                content["sha256"] = "0" * 64
        path.write_text(json.dumps(content), encoding="utf-8")
    reads_or_says(READERS[name], path)
    shutil.rmtree(folder.parent)


@pytest.mark.long
@pytest.mark.parametrize("name", READERS)
@pytest.mark.fuzz
@FUZZED
@given(noise=st.binary(min_size=1, max_size=40), place=st.integers(0, 10**6))
def test_any_bytes_anywhere_are_a_result_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, name: str, noise: bytes, place: int
) -> None:
    folder = tmp_path_factory.mktemp("old") / "old"
    shutil.copytree(OLD, folder)
    data = bytearray((folder / name).read_bytes())
    place %= len(data)
    data[place : place + len(noise)] = noise
    (folder / name).write_bytes(data)
    reads_or_says(READERS[name], folder / name)
    shutil.rmtree(folder.parent)


@pytest.mark.long
def test_numbers_that_are_no_settings_stop_neither_compare_nor_report(old: Path, tmp_path: Path) -> None:
    path = next((old / "run").glob("*_results.json"))
    for value in (float("nan"), float("-inf"), 10**400):
        results = json.loads(path.read_text(encoding="utf-8"))
        results["configs"]["cross_demo"]["generation_kwargs"] |= {"temperature": value, "max_new_tokens": value}
        path.write_text(json.dumps(results), encoding="utf-8")
        for command in ("compare", "report"):
            output = ["--json", str(tmp_path / f"{command}.json")]
            done = CliRunner().invoke(main, [command, str(old / "run"), str(OLD / "run"), *output])
            assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
            assert done.exit_code in {0, 3}, done.output


def test_a_record_whose_provenance_holds_no_number_is_not_whole(old: Path) -> None:
    path = next((old / "run").glob("*.jsonl"))
    first, *rest = path.read_text(encoding="utf-8").splitlines()
    row = json.loads(first)
    row["cross"]["provenance"]["versions"]["openai"] = float("nan")
    path.write_text("\n".join([json.dumps(row), *rest]) + "\n", encoding="utf-8")
    with pytest.raises(RunError, match="is not whole"):
        load_side([old / "run"])


LINES = {
    "null": "null",
    "a list": "[1]",
    "deep": DEEP,
    "doc_id of words": '{"doc_id": "first"}',
    "doc_id that is no number": '{"doc_id": NaN}',
    "doc_id that is a list": '{"doc_id": [1]}',
    "a record that is a list": '{"doc_id": 0, "cross": [1]}',
    "a record that is null": '{"doc_id": 0, "cross": null}',
    "a record of another schema": '{"doc_id": 0, "cross": {"schema": {"a": 1}}}',
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES.keys())
def test_a_line_that_is_no_sample_is_named_by_file_and_place(old: Path, line: str) -> None:
    file = old / "run" / "20261128_095723_samples_cross_demo.jsonl"
    file.write_text(file.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    with pytest.raises(RunError):
        load_run(old / "run").judged_answers  # noqa: B018
    for command in ("report", "judge"):
        result = CliRunner().invoke(main, [command, str(old / "run")])
        assert isinstance(result.exception, SystemExit), result.exception
        assert result.exit_code == 2


def replace_by(kind: str, path: Path) -> None:
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "dangling":
        path.symlink_to("nowhere")
    else:
        path.symlink_to("/dev/zero")


@pytest.mark.parametrize("kind", ["fifo", "folder", "dangling", "device"])
@pytest.mark.parametrize("name", READERS)
def test_what_is_no_file_is_said_and_not_waited_for(old: Path, name: str, kind: str) -> None:
    replace_by(kind, old / name)
    with pytest.raises(CrossError):
        READERS[name](old / name)


def test_json_within_limits(tmp_path: Path) -> None:
    for text in (DEEP, "{" * 100_000, '{"a":' * 100_000):
        with pytest.raises(ValueError, match=r"deep|Expecting"):
            parse_json(text)
    with pytest.raises(ValueError, match="'a' stands there twice"):
        parse_strict_json('{"a": 1, "b": {"a": 1, "a": 2}}')
    with pytest.raises(ValueError, match="NaN is no number"):
        parse_strict_json("[NaN]")
    (tmp_path / "large").write_bytes(b"x" * 100)
    with pytest.raises(ValueError, match="100 bytes, and 10 are read at most"):
        read_bytes(tmp_path / "large", 10)


def test_a_sentence_about_an_endless_value_has_an_end(old: Path) -> None:
    content = json.loads((old / "baseline.json").read_text(encoding="utf-8"))
    first = next(iter(content["samples"].values()))
    first[3] = DEEP
    (old / "baseline.json").write_text(json.dumps(content), encoding="utf-8")
    result = CliRunner().invoke(main, ["compare", str(old / "baseline.json"), str(old / "baseline.json")])
    assert result.exit_code == 2
    assert "baseline.json has scores '[[[" in result.output
    assert result.output.endswith("; write it anew from its run.\n")
    assert len(result.output) < 2000


# ---- labels and anchors ----


def sealed(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    content.pop("sha256")
    change(content)
    path.write_text(json.dumps({**content, "sha256": seal_of(content)}), encoding="utf-8")


def test_two_labels_of_one_annotator_for_a_sample_are_refused(old: Path) -> None:
    sealed(old / "labels.json", lambda content: content["annotations"].append(content["annotations"][0]))
    with pytest.raises(LabelError, match="twice"):
        load_labels(old / "labels.json")


def test_an_answer_that_stands_twice_in_an_anchor_is_refused(old: Path) -> None:
    def double(content: dict[str, Any]) -> None:
        content["items"].append(content["items"][0])
        for judgement in content["judgements"]:
            judgement["verdicts"].append(judgement["verdicts"][0])

    sealed(old / "anchor.json", double)
    with pytest.raises(AnchorError, match="twice"):
        load_anchor(old / "anchor.json")


@pytest.mark.parametrize("probability", [1e-300, 0, -1, 2])
def test_a_probability_that_nobody_draws_with_is_refused(old: Path, probability: float) -> None:
    sealed(old / "anchor.json", lambda content: content["items"][0].update(probability=probability))
    with pytest.raises(AnchorError, match="probability"):
        load_anchor(old / "anchor.json")


# ---- prepared data ----


def test_prepared_data_that_were_edited_are_made_anew_or_refused(bare_environment: Path) -> None:
    prepared = prepare_demo(bare_environment)
    file = prepared.parquet("demo")
    honest = read_samples(file)
    rows = pq.read_table(file).to_pylist()
    rows[0]["query"] = "How are you?"
    pq.write_table(pa.Table.from_pylist(rows), file)
    with pytest.raises(NotPreparedError, match="was edited or is damaged"):
        prepared.check()
    assert read_samples(prepare_demo(bare_environment).parquet("demo")) == honest
    file.write_bytes(b"PAR1 and no more")
    assert read_samples(prepare_demo(bare_environment).parquet("demo")) == honest


def test_a_prepared_picture_that_was_edited_is_refused_when_it_is_read(tmp_path: Path) -> None:
    row = {"sha256": "a" * 64, "mime": "image/png", "bytes": b"edited"}
    pq.write_table(pa.Table.from_pylist([row], schema=SCHEMA), tmp_path / "images.parquet")
    with pytest.raises(DataError, match="was edited in the prepared data"):
        ImageStore(tmp_path / "images.parquet").read("a" * 64)


# ---- shared folders ----


def test_a_file_is_not_written_through_a_link_that_was_put_in_its_way(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    for name in (f".report.html.{os.getpid()}", ".report.html.partial", f".current.{os.getpid()}"):
        (tmp_path / name).symlink_to(victim)
    write_whole(tmp_path / "report.html", "page")
    write_whole(tmp_path / "current", "key")
    assert victim.read_text() == "mine"
    assert (tmp_path / "report.html").read_text() == "page"


def test_a_lock_that_is_a_link_is_refused(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "prepare.lock").symlink_to(victim)
    with pytest.raises(SettingsError, match="is a link"), own_lock(tmp_path / "prepare.lock"):
        pass
    assert victim.read_text() == "mine"


def test_folders_of_ours_are_their_owners_alone_with_all_that_were_missing_above(tmp_path: Path) -> None:
    folder = tmp_path / "cross" / "answers" / "run-0"
    before = os.umask(0)
    try:
        private_folder(folder)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(one.stat().st_mode) for one in (folder, folder.parent, folder.parent.parent)} == {0o700}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_lock_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "prepare.lock").touch()
    os.chown(tmp_path / "prepare.lock", 12345, 12345)
    with pytest.raises(SettingsError, match="another user"), own_lock(tmp_path / "prepare.lock"):
        pass


# ---- downloads ----


def test_a_body_without_end_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limited_body, "MOST_BYTES", 10_000)

    def endless() -> Any:
        while True:
            yield b"x" * 100

    with pytest.raises(EndlessBodyError, match="more than 10,000 bytes"):
        list(limited(endless(), ""))
    monkeypatch.setattr(limited_body, "MOST_SECONDS", -1.0)
    with pytest.raises(EndlessBodyError, match="longer than"):
        list(limited([b"x"], "identity"))


def test_a_bomb_is_unpacked_a_piece_at_a_time_and_no_further_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limited_body, "MOST_BYTES", 3 * 2**20)
    packer = zlib.compressobj(wbits=31)
    bomb = packer.compress(b"\0" * 50 * 2**20) + packer.flush()
    pieces = limited([bomb], "gzip")
    sizes = []
    with pytest.raises(EndlessBodyError, match="more than"):
        sizes.extend(len(piece) for piece in pieces)
    assert b"".join(limited([zlib.compress(b"honest")], "deflate")) == b"honest"
    with pytest.raises(EndlessBodyError, match="packs"):
        list(limited([b""], "gzip, gzip"))
    assert max(sizes, default=0) <= 2**20


@pytest.mark.parametrize("place", ["out", "out/link"])
def test_no_output_takes_the_place_of_a_device_or_a_pipe(tmp_path: Path, place: str) -> None:
    (tmp_path / "out").mkdir()
    target = tmp_path / place / "pipe"
    if place == "out":
        os.mkfifo(target)
    else:
        target = tmp_path / place
        target.symlink_to("/dev/null")
    with pytest.raises(SettingsError, match="it is a device or a pipe"):
        write_text(target, "page")
    assert not target.is_file()
