"""What every `--help` says."""

import pkgutil
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from lmms_eval_cross import cli
from lmms_eval_cross.cli import main
from lmms_eval_cross.cli.lazy_group import LazyGroup


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


ALL = {" ".join(path): command for path, command in commands(main)}


@pytest.mark.long
@pytest.mark.parametrize("name", ALL)
def test_help_shows_no_markup_and_says_what_every_option_is_for(name: str) -> None:
    result = CliRunner().invoke(main, [*name.split(), "--help"])
    assert result.exit_code == 0
    assert "\\" not in result.output
    assert "lmms-\n" not in result.output
    silent = [p.name for p in ALL[name].params if isinstance(p, click.Option) and not p.help]
    assert not silent


def test_the_examples_of_run_stand_a_line_each() -> None:
    lines = CliRunner().invoke(main, ["run", "--help"]).output.splitlines()
    assert "  lmms-eval-cross run -- --model ... --tasks cross --output_path runs/a" in lines
    assert "  lmms-eval-cross run -- torchrun --nproc_per_node 8 -m lmms_eval --model ..." in lines


def listed(group: LazyGroup, path: str = "") -> Iterator[tuple[str, str]]:
    for name, sentence in group.sentences.items():
        yield f"{path}{name}", sentence
        if isinstance(command := ALL[f"{path}{name}"], LazyGroup):
            yield from listed(command, f"{path}{name} ")


assert isinstance(main, LazyGroup)


@pytest.mark.parametrize(("name", "sentence"), list(listed(main)))
def test_a_list_of_commands_says_the_first_sentence_of_each_help(name: str, sentence: str) -> None:
    first = str(ALL[name].help).split("\n\n")[0]
    assert " ".join(first.split()) == sentence


def test_every_module_of_a_group_is_listed() -> None:
    files = {module.name for module in pkgutil.iter_modules(cli.__path__)}
    for group in (name for name, command in ALL.items() if isinstance(command, LazyGroup)):
        modules = {name for name in files if name.startswith(f"{group}_")}
        assert modules == {
            name.replace(" ", "_") for name in ALL if name.startswith(f"{group} ") and name.count(" ") == 1
        }


def test_ctrl_c_is_one_sentence_and_the_shells_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ALL["config"], "callback", stopped)
    result = CliRunner().invoke(main, ["config"])
    assert result.exit_code == 130
    assert result.stderr.startswith("lmms-eval-cross: Stopped by Ctrl-C: ")
    assert result.stderr.count("\n") == 1
