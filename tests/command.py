"""`lmms-eval-cross` in this process."""

from click.testing import CliRunner, Result

from lmms_eval_cross.cli import main


def cross(*arguments: object) -> Result:
    """What a command says and its exit code; an exception that it lets through is raised."""
    return CliRunner().invoke(main, list(map(str, arguments)), catch_exceptions=False)


def compare(*arguments: object) -> Result:
    """`compare` with few resamples."""
    return cross("compare", *arguments, "--resamples", 100)


def said(result: Result) -> str:
    """The output, as if it stood on one line."""
    return " ".join(result.output.split())
