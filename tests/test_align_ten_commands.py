"""docs/align.md, "Ten commands", run as printed, with a tiny model in place of the one of 7B."""

import json
import re
import shlex
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import click
import pytest

from lmms_eval_cross import session
from lmms_eval_cross.align.dataset import open_dataset
from lmms_eval_cross.cli import main
from lmms_eval_cross.data.prepared import Prepared, require_prepared
from tests.align_release import write_training_files
from tests.command import cross, said
from tests.judge_server import Answer, Asked
from tests.standin import write_standin
from tests.teacher_server import School, school

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning"),
]
PAGE = (Path(__file__).parent.parent / "docs" / "align.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line)[1:] for line in re.findall(r"^    (lmms-eval-cross .*)$", PAGE.split("\n## ")[1], re.MULTILINE)
]
MODEL = "Qwen/Qwen2.5-VL-7B-Instruct"
ON_A_CPU = ",device=cpu,device_map=cpu,min_pixels=3136,max_pixels=12544"
ON_A_CPU_TOO = ("trl.use_cpu=true", "trl.dataloader_num_workers=0")
LEARNS = ("trl.max_steps=3", "trl.learning_rate=0.05")
"""Three examples make one step, at which the warm-up still has rate 0: the answers and their verdicts would stay."""
FEW = ["--limit", "9", "--gen_kwargs", "max_new_tokens=4", "--batch_size", "1"]
"""Ten norms, which is enough for a verdict, and four tokens an answer."""


def all_score(score: int) -> Callable[[Asked], Answer]:
    """A judge that gives every answer this score."""
    return lambda _: Answer(f"Score: {score}")


SCORES = {"runs/base": all_score(0), "runs/tuned": all_score(1)}
"""Output of a run -> its judge; everything else is judged by what it says of itself."""


@pytest.fixture
def lessons(monkeypatch: pytest.MonkeyPatch) -> Iterator[School]:
    with school(monkeypatch) as both:
        yield both


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the commands are typed: with a list of norms."""
    (tmp_path / "norms.csv").write_text("norm,country\nThe oldest guest is served first.,Norway\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call_whole(prepared: Prepared) -> None:
    """As if the release had no more records than the stand-in, so that data can be called clean."""
    path = prepared.folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(manifest | {"expected": manifest["rows"]}), encoding="utf-8")
    session.forget_data()


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


def for_a_cpu(arguments: list[str]) -> list[str]:
    """The printed command, told that there is no GPU; a run is made small, and tuning learns something."""
    if arguments[:2] == ["align", "tune"]:
        return [*arguments, *chain.from_iterable(("--set", change) for change in ON_A_CPU_TOO + LEARNS)]
    if arguments[0] == "run":
        return [word + ON_A_CPU if word.startswith("pretrained=") else word for word in arguments] + FEW
    return arguments


@pytest.mark.timeout(1800)
def test_from_norms_to_a_model_that_the_gate_lets_through(
    lessons: School, place: Path, bare_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("trl", reason="trl is not installed: nothing can be tuned (extra `align`)")
    pytest.importorskip("decord", reason="decord is not installed: lmms-eval's classes need it (extra `models`)")
    from lmms_eval_cross.align.tiny import write_tiny

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    write_standin(place / "path" / "to" / "CROSS")
    write_tiny("qwen2_5_vl", place / MODEL, [PAGE])
    reads = lessons.judge.script
    for arguments in COMMANDS:
        lessons.judge.script = SCORES.get(arguments[-1], reads)
        result = cross(*for_a_cpu(arguments))
        assert result.exit_code == 0, (arguments, result.output)
        if arguments[0] == "prepare":
            call_whole(require_prepared(bare_environment))
    assert "compliance 0.0 100.0 +100.0" in said(result)
    assert cross("compare", "runs/tuned", "runs/base", "--margin", "compliance=5").exit_code == 1
    for name, kind in (("scenes", "sft"), ("pairs", "dpo")):
        manifest = open_dataset(place / "data" / name).manifest
        assert (manifest.kind, manifest.examples, manifest.leak_check.state) == (kind, 3, "clean")
    assert len(lessons.teacher.judged) == 9
    card = (place / "tuned" / "README.md").read_text(encoding="utf-8")
    assert card.count("| clean on ") == 2, "the data of both stages"


def test_the_releases_own_files_go_the_same_way(lessons: School, place: Path, prepared: Prepared) -> None:
    call_whole(prepared)
    write_training_files(place / "CROSS")
    assert cross("align", "import", "--source", "CROSS", "-o", "own", "--repair").exit_code == 0
    assert cross("align", "check", "own/sft", "--allow-unverified").exit_code == 0
    result = cross("align", "export", "own/sft", "--to", "trl", "-o", "exported/own", "--allow-unverified")
    assert result.exit_code == 0, result.output
    assert lessons.calls == (0, 0), "what is imported is judged by nobody"
