"""The one door to the judge: who asks opens judging by the settings in force, and asks through it.

Runs of lmms-eval, `judge`, `judge --batch`, `compare --confirm` and `anchor judge` come through here, so that budget,
patience, share of the quota, checks and other hosts' verdicts are the same for all of them.
"""

import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lmms_eval_cross.errors import CrossError, JudgeSetupError, LedgerError, SettingsError
from lmms_eval_cross.judge.caller import OF_THE_JUDGE, Caution
from lmms_eval_cross.judge.choose import make_judge
from lmms_eval_cross.judge.engine import Bounds, JudgeEngine, Outcomes
from lmms_eval_cross.judge.job import Job, judge_identity, seated
from lmms_eval_cross.judge.panel_engine import PanelEngine
from lmms_eval_cross.judge.prices import age_warning, load_prices
from lmms_eval_cross.ledger.address import Address
from lmms_eval_cross.ledger.batches import calls_handed_in
from lmms_eval_cross.ledger.hosts import ledger_address, merge_other_hosts
from lmms_eval_cross.ledger.responses import NO_RUN
from lmms_eval_cross.ledger.rights import TO_JUDGE, TO_SPEND, require_rights
from lmms_eval_cross.ledger.spend import Budget, last_entry_before
from lmms_eval_cross.ledger.steady import SteadyLedger, open_ledger
from lmms_eval_cross.ledger.store import UNKNOWN_RUN, Given, Ledger, RunNote
from lmms_eval_cross.say import say, tell
from lmms_eval_cross.settings import Member, Settings, in_words_of

if TYPE_CHECKING:
    from lmms_eval_cross.judge.teacher import EndpointTeacher

_BEGAN: Final = time.time()
_OWN_RUN: Final = uuid.uuid4().hex
_RANKS_START_WITHIN: Final = 60.0
"""Seconds; the ranks of a run start together, and long before their first call."""


def run_id() -> str:
    """Tells this run's responses and verdicts in the ledger from others'.

    `lmms-eval-cross run` gives all ranks one, and so does `harness/run_of_ranks.py` where it did not start them.
    """
    return os.environ.get("CROSS_RUN_ID") or _OWN_RUN


class JudgeSession:
    """The judge in force with its ledger, this process's share of calls in flight and quota, and its money."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        caution: Caution = OF_THE_JUDGE,
        note: RunNote = UNKNOWN_RUN,
        run: str | None = None,
    ) -> None:
        """Open without asking the endpoint anything; who has not called `check_judge` uses `open_judging`.

        Args:
            settings: those in force.
            ledger: takes over what other hosts' ledgers hold, and is closed with this.
            caution: what is said when nothing more can be asked.
            note: what is known of the run, for `ledger show`.
            run: whose verdicts these are, by default this process's.

        Raises:
            JudgeSetupError: the endpoint lacks its key, or a budget is set for a model without a price.
        """
        merge_other_hosts(ledger)
        self.ledger = ledger
        self._settings, self._run = settings, run or run_id()
        self.judge_id = judge_identity(settings).id
        """Who is asked."""
        if settings.judge_panel:
            self._budget = None
            self._engines = _open_engines_of_panel(settings, ledger, caution)
            self._engine: JudgeEngine | PanelEngine = PanelEngine(judge_identity(settings), self._engines)
        else:
            self._budget = open_budget(settings, ledger)
            self._engine = _open_engine(settings, ledger, self._budget, caution)
            self._engines = [self._engine]
        for engine in self._engines:
            engine.run = self._run
        self._keep_back_what_is_in_batches()
        ledger.record_run(self._run, self.judge_id, note)

    def _keep_back_what_is_in_batches(self) -> None:
        """Have no call made that a batch may have answered already."""
        with suppress(LedgerError):  # a ledger that can't be read has told so
            for engine in self._engines:
                engine.handed_in = calls_handed_in(self.ledger, engine.judge.host)

    def submit(self, job: Job, settled: Callable[[Outcomes], None], given: Given | None = None) -> "Future[None]":
        """Have an answer written to the ledger, then judged; returns at once.

        `settled` gets the outcomes before the future is done.
        """
        return self._engine.submit(job, settled, given)

    def submit_alone(self, job: Job, settled: Callable[[Outcomes], None]) -> "Future[None]":
        """The same for an answer of no run; the ledger keeps it, for other ledgers take a verdict beside its answer."""
        record = {**job.sample.to_row(), "response": job.response}
        return self.submit(job, settled, Given(NO_RUN, job.sample.sample_id, job.response, record))

    def drain(self, show_progress: bool = True) -> None:
        """Wait until everything that was submitted is judged."""
        self._engine.drain(show_progress)

    def ask(self, jobs: Sequence[Job]) -> list[Outcomes]:
        """Have answers of no run judged and wait for it; their outcomes, in order."""
        outcomes: dict[int, Outcomes] = {}
        for place, job in enumerate(jobs):
            self.submit_alone(job, partial(outcomes.__setitem__, place))
        self.drain()
        return [outcomes[place] for place in range(len(jobs))]

    def ask_in_batches(self, jobs: Iterable[Job]) -> None:
        """Have the verdicts put into the ledger by the Batch API, where asking as usual then finds them.

        Calls that the budget has no room for are not handed in, and nothing is asked at the full price after that.

        Raises:
            SettingsError: the judge in force is the offline one, which has no Batch API, or a panel.
            JudgeSetupError: the endpoint has none, or refuses a batch as a whole.
        """
        if self._settings.judge == "offline":
            raise SettingsError(
                "CROSS_JUDGE is offline, which has no Batch API; leave --batch away or unset CROSS_JUDGE."
            )
        if self._settings.judge_provider != "openai":
            raise SettingsError(
                f"CROSS_JUDGE_PROVIDER is {self._settings.judge_provider}, and batches are handed in to OpenAI's Batch "
                "API alone; leave --batch away."
            )
        if isinstance(self._engine, PanelEngine):
            raise SettingsError(
                "CROSS_JUDGE_PANEL is set, and a batch is one judge's; leave --batch away, or judge the run with each "
                "member alone (`judge RUN --anew --batch -o FOLDER`): the panel takes their verdicts from the ledger."
            )
        # as in `check_judge`: the OpenAI SDK costs a second, which nobody pays who asks no endpoint
        from lmms_eval_cross.judge.batch_api import judge_in_batches

        left = judge_in_batches(jobs, self._settings, self.ledger, self._budget, self._run)
        self._keep_back_what_is_in_batches()
        if left.over_budget and self._budget is not None:
            self._engine.stop("budget", self._budget.spent_sentence)
        elif left.calls:
            say(f"{left.calls} calls came back without an answer; they are made one by one.", err=True)

    def close(self) -> None:
        """Give up what is in flight, and close the ledger, which has all that arrived."""
        self._engine.close()
        self.ledger.close()

    def __enter__(self) -> "JudgeSession":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _open_engine(settings: Settings, ledger: Ledger, budget: Budget | None, caution: Caution) -> JudgeEngine:
    """The engine of one judge, with this process's share of calls in flight and quota."""
    ranks = _ranks()
    bounds = Bounds(1 / ranks, settings.judge_patience, budget, caution=caution, timeout_seconds=settings.judge_timeout)
    return JudgeEngine(make_judge(settings), ledger, max(1, settings.judge_concurrency // ranks), bounds)


def _open_engines_of_panel(settings: Settings, ledger: Ledger, caution: Caution) -> list[JudgeEngine]:
    """An engine a member, in the order of the panel's identity; all spend the money of one run."""
    engines: list[JudgeEngine] = []
    try:
        for member in seated(settings):
            who = replace(caution, who=f"the panel's {member.name}")
            with in_its_name(member):
                engines.append(_open_engine(member.settings, ledger, open_budget(member.settings, ledger), who))
    except CrossError:
        for engine in engines:
            engine.close()
        raise
    return engines


@contextmanager
def in_its_name(member: Member) -> Iterator[None]:
    """Have what is wrong with a member of a panel said in its name, and of its own variables."""
    try:
        yield
    except JudgeSetupError as error:
        raise JudgeSetupError(in_words_of(member, str(error))) from None


def open_judging(
    settings: Settings,
    make_ledger: Callable[[Address, str], Ledger] = SteadyLedger,
    caution: Caution = OF_THE_JUDGE,
    note: RunNote = UNKNOWN_RUN,
    run: str | None = None,
) -> JudgeSession:
    """Check all that can be wrong with the judge, and open it.

    Args:
        settings: those in force.
        make_ledger: opens the ledger, by its address and SQLite's journal mode.
        caution: what is said when nothing more can be asked.
        note: what is known of the run that is judged.
        run: whose verdicts these are, by default this process's.

    Raises:
        JudgeSetupError, LedgerError: see `check_judge`.
    """
    check_judge(settings)
    ledger = make_ledger(*ledger_address(settings))
    try:
        return JudgeSession(settings, ledger, caution, note, run)
    except CrossError:
        ledger.close()
        raise


def check_judge(settings: Settings) -> None:
    """Check, before anything is judged, that the ledger opens and that the endpoint knows key and model.

    Raises:
        LedgerError: the ledger can't be opened, or this role may not write there.
        JudgeSetupError: key, model or address are wrong, the judge does not see pictures, or a budget is set for a
            model without a price.
    """
    with closing(open_ledger(settings)) as ledger:
        require_rights(ledger, TO_JUDGE)
        if not settings.judge_panel:
            _check_one(settings, ledger)
        for member in seated(settings):
            with in_its_name(member):
                _check_one(member.settings, ledger)


def _check_one(settings: Settings, ledger: Ledger) -> None:
    open_budget(settings, ledger)
    if settings.judge == "openai":
        from lmms_eval_cross.judge.probe import check_endpoint  # loads openai, which the offline judge does not need

        check_endpoint(settings, ledger)


def open_budget(settings: Settings, ledger: Ledger) -> Budget | None:
    """The budget of this run, None if there is none.

    Raises:
        JudgeSetupError: the model has no price.
    """
    if settings.judge_budget_usd is None or settings.judge == "offline":
        return None
    return _budget_for(settings.judge_model, settings.judge_budget_usd, settings, ledger)


def open_teacher(settings: Settings, ledger: Ledger, finish_later: str) -> "EndpointTeacher":
    """The teacher of `align build`, whose calls share the ledger's budget with the judge's.

    Args:
        settings: those in force.
        ledger: that of the open `JudgeSession`.
        finish_later: said when nothing more can be asked.

    Raises:
        JudgeSetupError: the endpoint lacks its key, or a budget is set for a model without a price.
    """
    from lmms_eval_cross.judge.teacher import EndpointTeacher  # loads openai, for `align build` alone

    usd = settings.judge_budget_usd
    budget = None if usd is None else _budget_for(settings.teacher_model, usd, settings, ledger)
    return EndpointTeacher(settings, budget, finish_later)


def open_answers_budget(model: str, usd: float, settings: Settings, ledger: Ledger) -> Budget:
    """The budget of the model under test, of which the judge spends nothing; all ranks share it.

    Raises:
        JudgeSetupError: the model has no price.
    """
    return _budget_for(model, usd, settings, ledger, "budget_usd in --model_args", " answers")


def _budget_for(
    model: str,
    usd: float,
    settings: Settings,
    ledger: Ledger,
    set_by: str = "CROSS_JUDGE_BUDGET_USD",
    purpose: str = "",
) -> Budget:
    """A budget of this run.

    Args:
        model: who is paid.
        usd: how much, at most.
        settings: with the user's prices.
        ledger: counts what was spent.
        set_by: where the user wrote the sum.
        purpose: tells apart what one run spends on several things.
    """
    if load_prices(settings.judge_prices).find(model) is None:
        raise JudgeSetupError(
            f"{set_by} is {usd:g}, but {model} has no price; name a "
            "file with one in CROSS_JUDGE_PRICES, or unset the budget."
        )
    _warn_of_old_prices(model, settings.judge_prices)
    require_rights(ledger, TO_SPEND)
    name, after = _name_of_run(), 0
    if name != run_id():
        after = last_entry_before(ledger, name + purpose, _BEGAN - _RANKS_START_WITHIN)
    return Budget(ledger, usd, name + purpose, after, set_by)


def _name_of_run() -> str:
    """What spending counts under: the run's id where its ranks have one, else a name that they share.

    Nobody else has a run's id, so that all under it is the run's own, also where ranks are started again.

    Ranks of one host share the process that started them. Those of several hosts share an address, which a run before
    may have had: what that spent is told from this run's by when this one began.
    """
    if os.environ.get("CROSS_RUN_ID") or _ranks() == 1:
        return run_id()
    names = ("TORCHELASTIC_RUN_ID", "SLURM_JOB_ID", "MASTER_ADDR", "MASTER_PORT")
    shared = [os.environ.get(name, "") for name in names]
    if os.environ.get("LOCAL_WORLD_SIZE", "") == os.environ["WORLD_SIZE"]:
        shared.append(str(os.getppid()))
    return "ranks " + " ".join(shared)


@cache
def _warn_of_old_prices(model: str, own: Path | None) -> None:
    """Say once that a budget is reckoned with old prices."""
    warning = age_warning(model, own, date.today())
    if warning is not None and os.environ.get("RANK", "0") == "0":
        tell(warning)


def _ranks() -> int:
    return max(1, int(os.environ.get("WORLD_SIZE", "1")))
