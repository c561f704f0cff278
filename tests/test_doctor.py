"""`doctor` says of each thing whether a run would fail on it, and what to do."""

from itertools import takewhile
from pathlib import Path

import pytest

from lmms_eval_cross.data.prepared import Prepared
from lmms_eval_cross.harness import needs
from tests.command import cross

pytestmark = pytest.mark.long  # lmms-eval, which it looks at, imports torch

KEY = "sk-secret-of-the-test"


def states(output: str) -> dict[str, str]:
    """Name -> state."""
    return {line.split()[1]: line.split()[0] for line in output.splitlines()}


def test_a_machine_that_is_ready_is_ok_all_over_and_no_key_is_shown(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    result = cross("doctor")
    assert result.exit_code == 0, result.output
    assert states(result.output) == {
        "versions": "ok",
        "lmms-eval": "ok",
        "settings": "ok",
        "home": "ok",
        "data": "note",  # the stand-in is smaller than the release
        "judge": "ok",
        "budget": "ok",
        "ledger": "ok",
    }
    assert KEY not in result.output


def test_what_is_quick_is_said_before_lmms_eval_is_imported() -> None:
    before_the_ledger = takewhile(lambda finding: finding.name != "ledger", needs.examine())
    assert [finding.name for finding in before_the_ledger] == [
        "versions",
        "settings",
        "home",
        "data",
        "judge",
        "budget",
    ]


def test_a_missing_key_would_make_a_run_fail() -> None:
    result = cross("doctor")
    assert result.exit_code == 2
    assert states(result.output)["judge"] == "wrong"
    assert "set OPENAI_API_KEY or CROSS_JUDGE_API_KEY" in result.output


def test_a_missing_key_is_a_note_where_lmms_eval_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "LMMS_EVAL", "a-package-that-is-not-there")
    result = cross("doctor")
    assert result.exit_code == 0
    assert states(result.output)["judge"] == "note"


def test_a_wrong_setting_is_named_and_nothing_else_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_JUDGE_CONCURRENCY", "0")
    result = cross("doctor")
    assert result.exit_code == 2
    assert "CROSS_JUDGE_CONCURRENCY must be" in result.output
    assert "ledger" not in states(result.output)


@pytest.mark.parametrize(("mode", "state"), [(0o700, "ok"), (0o755, "ok"), (0o770, "note"), (0o1777, "note")])
def test_a_home_that_others_can_write_to_is_a_note(bare_environment: Path, mode: int, state: str) -> None:
    bare_environment.mkdir()
    bare_environment.chmod(mode)
    result = cross("doctor")
    assert states(result.output)["home"] == state
    assert ("can be written by others" in result.output) == (state == "note")


def test_a_budget_without_a_price_would_make_a_run_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("CROSS_JUDGE_BUDGET_USD", "5")
    monkeypatch.setenv("CROSS_JUDGE_MODEL", "a-model-of-nobody")
    result = cross("doctor")
    assert result.exit_code == 2
    assert states(result.output)["budget"] == "wrong"


def test_a_ledger_that_is_none_is_named(bare_environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    bare_environment.mkdir()
    (bare_environment / "ledger.sqlite").write_text("no database" * 100)
    result = cross("doctor")
    assert result.exit_code == 2
    assert states(result.output)["ledger"] == "wrong"


def test_an_unwritten_ledger_is_not_made(bare_environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    assert states(cross("doctor").output)["ledger"] == "ok"
    assert not bare_environment.exists()


def test_a_part_of_lmms_eval_that_we_lean_on_and_that_is_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "PARTS", (*needs.PARTS, "lmms_eval.tasks:Nothing", "lmms_eval.nowhere"))
    result = cross("doctor")
    assert result.exit_code == 2
    assert states(result.output)["lmms-eval"] == "wrong"
    assert "lacks what we lean on: lmms_eval.tasks:Nothing, lmms_eval.nowhere;" in result.output
