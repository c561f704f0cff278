"""What every `--help` says."""

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from lmms_eval_cross.cli import COMMANDS, main


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


ALL = {" ".join(path): command for path, command in commands(main)}


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


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_the_first_sentence_of_each_help(name: str) -> None:
    first = str(ALL[name].help).split("\n\n")[0]
    assert " ".join(first.split()) == COMMANDS[name]
