"""What a run and the gate need, looked at one by one: each is well, worth a note, or would make a run fail."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from lmms_eval_cross.data.prepared import find_prepared
from lmms_eval_cross.errors import CrossError, JudgeSetupError, LedgerError, RunError
from lmms_eval_cross.harness.known_bad import find_known_bad, installed_version
from lmms_eval_cross.harness.lmms_eval_parts import PARTS, lmms_eval_part
from lmms_eval_cross.harness.plugin import hook_task_manager
from lmms_eval_cross.judge.endpoint import find_endpoint
from lmms_eval_cross.judge.prices import load_prices
from lmms_eval_cross.judging import in_its_name
from lmms_eval_cross.ledger.address import Server
from lmms_eval_cross.ledger.hosts import ledger_address
from lmms_eval_cross.ledger.rights import TO_JUDGE, TO_SPEND, Right, require_rights
from lmms_eval_cross.ledger.store import Ledger
from lmms_eval_cross.settings import Settings, load_settings

State = Literal["ok", "note", "wrong"]
"""`wrong`: a run would fail. `note`: it would not, or needs it not everywhere."""
LMMS_EVAL: Final = "lmms-eval"
MEND: Final = 'python -m pip install "lmms-eval>=0.7.3,<0.8"'
"""Adds lmms-eval to an environment that lacks it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, and what to do about it if anything is to be done."""

    name: str
    state: State
    sentence: str

    def __str__(self) -> str:
        return f"{self.state:5} {self.name:9} {self.sentence}"


def examine() -> Iterator[Finding]:
    """Everything that can be looked at without a model and without the network, each when it was looked at.

    Where the settings are wrong, nothing that depends on them is looked at. lmms-eval comes last: importing it takes
    longer than all the rest.
    """
    yield from _versions()
    try:
        settings = load_settings()
    except CrossError as error:
        yield Finding("settings", "wrong", str(error))
    else:
        yield Finding("settings", "ok", "are valid; `lmms-eval-cross config` lists them.")
        yield from _by_settings(settings)
    yield _lmms_eval()


def _by_settings(settings: Settings) -> Iterator[Finding]:
    """What the settings name."""
    checks: tuple[tuple[str, Callable[[Settings], Finding]], ...] = (
        ("home", _home),
        ("data", _data),
        ("judge", _judge),
        ("budget", _budget),
        ("ledger", _ledger),
    )
    for name, check in checks:
        yield _checked(name, check, settings)


def require_lmms_eval() -> None:
    """Refuse where lmms-eval is not installed, as in the gate's environment.

    Raises:
        RunError: it is not installed.
    """
    if installed_version(LMMS_EVAL) is None:
        raise RunError(f"`run` starts lmms-eval, and it is not installed here; add it with `{MEND}`.")


def _checked(name: str, check: Callable[[Settings], Finding], settings: Settings) -> Finding:
    """What a check finds; an error of ours is its finding.

    Without lmms-eval no run can fail, and the gate compares and reports without a judge: its setup is a note there.
    """
    try:
        return check(settings)
    except JudgeSetupError as error:
        return Finding(name, "wrong" if installed_version(LMMS_EVAL) else "note", str(error))
    except CrossError as error:
        return Finding(name, "wrong", str(error))


def _versions() -> Iterator[Finding]:
    """The known-bad versions that are installed, from metadata alone."""
    bad = find_known_bad()
    for row in bad:
        yield Finding("versions", "wrong", row.sentence)
    if not bad:
        yield Finding("versions", "ok", "none that is known to break a run is installed.")


def _lmms_eval() -> Finding:
    """Whether lmms-eval is there, and takes our tasks; without it the gate's commands work."""
    version = installed_version(LMMS_EVAL)
    if version is None:
        said = f"is not installed: the gate's commands work here, `run` does not; add it with `{MEND}`."
        return Finding(LMMS_EVAL, "note", said)
    if find_known_bad():
        return Finding(LMMS_EVAL, "note", f"{version} was not tried; mend the versions first.")
    try:
        hook_task_manager()
    except (ImportError, AttributeError, TypeError) as error:
        said = f'{version} does not take our tasks ({error}); name them with --include_path "$(lmms-eval-cross tasks)".'
        return Finding(LMMS_EVAL, "wrong", said)
    missing = list(_missing_parts())
    if missing:
        said = f"{version} takes our tasks, but lacks what we lean on: {', '.join(missing)}; mend it with `{MEND}`."
        return Finding(LMMS_EVAL, "wrong", said)
    return Finding(LMMS_EVAL, "ok", f"{version} takes our tasks.")


def _missing_parts() -> Iterator[str]:
    for name in PARTS:
        try:
            lmms_eval_part(name)
        except (ImportError, AttributeError):
            yield name


def _home(settings: Settings) -> Finding:
    """Whether CROSS_HOME is ours alone: who may write there can put answers and verdicts into it."""
    home = settings.home
    if not home.exists():
        return Finding("home", "ok", f"{home} is not there yet; it will be yours alone.")
    status = home.stat()
    if status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return Finding("home", "ok", f"{home} is yours, and nobody else may write to it.")
    said = f"{home} can be written by others, who can change what is kept there; `chmod go-w` it, or set CROSS_HOME."
    return Finding("home", "note", said)


def _data(settings: Settings) -> Finding:
    """Whether a copy of CROSS is prepared; the demo and the gate need none."""
    prepared = find_prepared(settings.home)
    if prepared is not None:
        rows = prepared.manifest.rows
        partial = [split for split in rows if prepared.manifest.is_partial(split)]
        whole = f"not whole: {', '.join(partial)}" if partial else "whole"
        return Finding("data", "note" if partial else "ok", f"{sum(rows.values()):,} samples are prepared, {whole}.")
    if settings.source is not None:
        return Finding("data", "ok", "are not prepared yet; the first run prepares them from CROSS_SOURCE.")
    said = "are not prepared, so only cross_demo runs; type `lmms-eval-cross prepare --source path/to/CROSS`."
    return Finding("data", "note", said)


def _judge(settings: Settings) -> Finding:
    """Who judges, and whether there is a key; the key itself is never shown."""
    if settings.judge == "offline":
        return Finding("judge", "note", "CROSS_JUDGE is offline: a few rules, no measurement; unset it to measure.")
    if not settings.judge_panel:
        return Finding("judge", "ok", f"{_who(settings)}; it was not asked.")
    told: list[str] = []
    for member in settings.judge_panel:
        with in_its_name(member):
            told.append(f"{member.name}, {_who(member.settings)}")
    return Finding("judge", "ok", f"a panel of {len(told)}: {'; '.join(told)}; nobody was asked.")


def _who(settings: Settings) -> str:
    """A judge's model, address and key."""
    endpoint = find_endpoint(settings)
    key = f"a key from {endpoint.key_from}" if endpoint.key else "no key"
    return f"{settings.judge_model} at {endpoint.host} with {key}"


def _budget(settings: Settings) -> Finding:
    """Whether a budget can be counted."""
    if settings.judge_budget_usd is None or settings.judge == "offline":
        return Finding("budget", "ok", "none is in force.")
    for judge in settings.judges:
        if load_prices(settings.judge_prices).find(judge.judge_model) is None:
            said = f"is set, but {judge.judge_model} has no price; name a file with one in CROSS_JUDGE_PRICES."
            return Finding("budget", "wrong", said)
    return Finding("budget", "ok", f"{settings.judge_budget_usd:g} USD a run.")


def _ledger(settings: Settings) -> Finding:
    """Whether verdicts can be kept; a ledger that is not there yet is not made."""
    path, journal = ledger_address(settings)
    if isinstance(path, Server):
        return _team_ledger(path, settings.judge_budget_usd is not None)
    if not path.exists():
        return _new_ledger(path)
    if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        said = f"{path} can't be written; change its permissions, or set CROSS_HOME to another folder."
        return Finding("ledger", "wrong", said)
    with closing(Ledger(path, journal)) as ledger:
        return Finding("ledger", "ok", f"{path} holds {ledger.count('verdict'):,} verdicts.")


def _team_ledger(server: Server, counts_money: bool) -> Finding:
    """Whether the team's ledger can be reached, has this release's schema, and can be written."""
    try:
        with closing(Ledger(server)) as ledger:
            holds = f"{server.name} holds {ledger.count('verdict'):,} verdicts"
            return _writable(ledger, holds, [*TO_JUDGE, *(TO_SPEND if counts_money else ())])
    except LedgerError as error:
        return Finding("ledger", "wrong", str(error))


def _writable(ledger: Ledger, holds: str, rights: Sequence[Right]) -> Finding:
    """A role that may only read is well for reports and can't judge; a server that only reads takes verdicts later."""
    try:
        require_rights(ledger, rights)
        ledger.check_writable()
    except LedgerError as error:
        return Finding("ledger", "note", f"{holds}, to be read alone: {error}")
    return Finding("ledger", "ok", f"{holds}.")


def _new_ledger(path: Path) -> Finding:
    """Whether the first run could make the ledger."""
    nearest = next(folder for folder in path.parents if folder.exists())
    if nearest.is_dir() and os.access(nearest, os.W_OK):
        return Finding("ledger", "ok", f"is not there yet; the first verdict makes {path}.")
    said = f"{path} can't be made, since {nearest} can't be written; set CROSS_HOME to another folder."
    return Finding("ledger", "wrong", said)
