"""docs/align.md, "Ten commands": those that make data run as printed, the others are read as the commands read them."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from lmms_eval_cross.align.dataset import open_dataset
from lmms_eval_cross.cli import main
from lmms_eval_cross.data.prepared import Prepared
from tests.align_release import write_training_files
from tests.command import cross
from tests.teacher_server import School, school

PAGE = (Path(__file__).parent.parent / "docs" / "align.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line)[1:] for line in re.findall(r"^    (lmms-eval-cross .*)$", PAGE.split("\n## ")[1], re.MULTILINE)
]


@pytest.fixture
def lessons(monkeypatch: pytest.MonkeyPatch) -> Iterator[School]:
    with school(monkeypatch) as both:
        yield both


@pytest.fixture
def place(prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a list of norms; the benchmark is the stand-in, as if the release had no more records."""
    path = prepared.folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(manifest | {"expected": manifest["rows"]}), encoding="utf-8")
    (tmp_path / "norms.csv").write_text("norm,country\nThe oldest guest is served first.,Norway\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def parsed(command: click.Command, arguments: list[str]) -> click.Context:
    """What click makes of arguments, down to the last subcommand; nothing is done."""
    parent = click.Context(main, **main.context_settings)  # click keeps the help option of a command's first context
    context = command.make_context(command.name or "", arguments, parent=parent)
    if not isinstance(command, click.Group):
        return context
    _, subcommand, rest = command.resolve_command(context, [*context._protected_args, *context.args])
    assert subcommand is not None
    return parsed(subcommand, rest)


def test_there_are_ten() -> None:
    assert len(COMMANDS) == 10
    for arguments in COMMANDS:
        parsed(main, arguments)


def test_from_norms_to_checked_and_exported_data(lessons: School, place: Path) -> None:
    for arguments in COMMANDS:
        if arguments[:2] in (["align", "build"], ["align", "check"]):
            result = cross(*arguments)
            assert result.exit_code == 0, result.output
    for name, kind, count in (("scenes", "sft", 3), ("pairs", "dpo", 3)):
        manifest = open_dataset(place / "data" / name).manifest
        assert (manifest.kind, manifest.examples, manifest.leak_check.state) == (kind, count, "clean")
        result = cross("align", "export", f"data/{name}", "--to", "trl", "-o", f"exported/{name}")
        assert result.exit_code == 0, result.output
    assert lessons.calls == (9, 24)


def test_the_releases_own_files_go_the_same_way(lessons: School, place: Path) -> None:
    write_training_files(place / "CROSS")
    assert cross("align", "import", "--source", "CROSS", "-o", "own", "--repair").exit_code == 0
    assert cross("align", "check", "own/sft", "--allow-unverified").exit_code == 0
    result = cross("align", "export", "own/sft", "--to", "trl", "-o", "exported/own", "--allow-unverified")
    assert result.exit_code == 0, result.output
    assert lessons.calls == (0, 0), "what is imported is judged by nobody"
