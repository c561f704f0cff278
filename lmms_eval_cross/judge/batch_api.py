"""OpenAI's Batch API: half the price within a day, the same requests, the same verdicts, the same ledger.

A batch is noted in the ledger before it is handed in, under a token that goes along as metadata: should the process
die before the endpoint's answer is noted, the next one finds the batch by its token, and nothing is paid for twice.
"""

import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import openai
from openai import OpenAI
from openai.types import Batch

from lmms_eval_cross.benchmark.records import ASK_AGAIN, Dimension, JudgeFailure, Outcome, Usage
from lmms_eval_cross.data.own_lock import own_lock
from lmms_eval_cross.data.scaled import ScaledImages
from lmms_eval_cross.errors import JudgeSetupError
from lmms_eval_cross.files import private_folder
from lmms_eval_cross.judge.batch_line import read_batch_line
from lmms_eval_cross.judge.caller import failures
from lmms_eval_cross.judge.client import error_message
from lmms_eval_cross.judge.completion import read_completion
from lmms_eval_cross.judge.endpoint import find_endpoint
from lmms_eval_cross.judge.endpoint_judge import build_request, call_tokens, read_heard
from lmms_eval_cross.judge.error_body import read_error_value
from lmms_eval_cross.judge.job import REPLY_TOKENS, Job, judge_identity
from lmms_eval_cross.judge.prices import load_prices
from lmms_eval_cross.judge.profiles import PROFILES, Dimensions
from lmms_eval_cross.judge.quirks import adapt, learn
from lmms_eval_cross.judge.request import image_url
from lmms_eval_cross.judge.sdk_clients import client_options
from lmms_eval_cross.ledger import batches
from lmms_eval_cross.ledger.spend import Budget, load_quirks, save_quirks
from lmms_eval_cross.ledger.store import Ledger
from lmms_eval_cross.runs.failed_generations import failed_generation
from lmms_eval_cross.settings import Settings

MOST_REQUESTS: Final = 50_000
MOST_BYTES: Final = 200_000_000
POLL_SECONDS: Final = 60.0
ROUNDS: Final = 3
"""How often a call is handed in that comes back expired or failed."""
_OVER: Final = frozenset({"completed", "failed", "expired", "cancelled"})


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a batch."""

    job: Job
    dimensions: Dimensions
    keys: tuple[str, ...]
    """The verdict keys of the dimensions; the first is the request's `custom_id`."""


@dataclass(frozen=True, slots=True)
class Left:
    """What the Batch API did not answer."""

    calls: int
    over_budget: bool
    """Calls were not handed in because they would pass the budget."""


class BatchJudge:
    """Has answers judged in batches; afterwards their verdicts are in the ledger."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        budget: Budget | None = None,
        say: Callable[[str], None] = print,
        poll_seconds: float | None = None,
        run: str | None = None,
    ) -> None:
        prices = load_prices(settings.judge_prices)
        self._price, self._price_share = prices.find(settings.judge_model), prices.batch
        self._budget = budget
        self._answered = False
        """A call of this process's batches came back with a reply."""
        self._promises: dict[str, int] = {}
        """Key of a call -> the money set aside for it, until its cost is known."""
        self._endpoint = find_endpoint(settings)
        self._identity = judge_identity(settings)
        self._profile = PROFILES[settings.judge_profile]
        self._scaled = ScaledImages(settings.home / "scaled") if self._profile.scaled else None
        self._folder = settings.home / "batches"
        self._shares_hosts = settings.judge_id is not None
        self._ledger, self._say, self._run = ledger, say, run
        self._poll_seconds = POLL_SECONDS if poll_seconds is None else poll_seconds
        self._place = (self._endpoint.host, self._identity.model, self._identity.profile)
        self._quirks = load_quirks(ledger, *self._place) or frozenset()
        self._client = OpenAI(**client_options(self._endpoint, settings.judge_timeout, retries=4))

    def judge(self, jobs: Iterable[Job]) -> Left:
        """Hand in what has no verdict yet and fits the budget, wait for it and file it; gives what is left.

        May be stopped and called again at any point: open batches are taken up, not handed in anew.

        Raises:
            JudgeSetupError: the endpoint has no Batch API, or refuses the key or a batch as a whole.
        """
        calls: dict[str, Call] = {}
        for job in jobs:
            for call in self._calls(job):
                calls[call.keys[0]] = call
        try:
            over_budget = self._judge_in_rounds(calls)
        except openai.APIStatusError as error:
            raise JudgeSetupError(
                f"{self._endpoint.host} answered {error.status_code} to a request of the Batch API "
                f"({error_message(error, self._endpoint)}); judge without --batch, or try again later."
            ) from None
        except openai.APIConnectionError:
            raise JudgeSetupError(
                f"{self._endpoint.host} can't be reached; what was handed in is noted, so try again later."
            ) from None
        return Left(sum(not self._is_known(call) for call in calls.values()), over_budget)

    def _judge_in_rounds(self, calls: Mapping[str, Call]) -> bool:
        """Hand in and collect, and again what came back without an answer; whether the budget left calls behind."""
        over_budget = False
        for _ in range(ROUNDS):
            self._adopt()
            missing = self._missing(calls)
            affordable = self._affordable(missing)
            over_budget = len(affordable) < len(missing)
            self._hand_in(affordable)
            self._collect(calls)
            if all(self._is_known(call) for call in calls.values()) or (missing and not affordable):
                break
        return over_budget

    def _missing(self, calls: Mapping[str, Call]) -> list[Call]:
        """The calls that have no verdict and stand in no open batch."""
        handed_in: set[str] = set()
        for _, keys in self._open():
            handed_in.update(keys)
        return [call for key, call in calls.items() if key not in handed_in and not self._is_known(call)]

    def _calls(self, job: Job) -> Iterator[Call]:
        if failed_generation(job.response) is None:
            for wave in self._profile.waves:
                for dimensions in wave:
                    keys = tuple(job.key(self._identity, name).digest for name in dimensions)
                    yield Call(job, dimensions, keys)

    def _is_known(self, call: Call) -> bool:
        host = None if self._shares_hosts else self._endpoint.host
        for key in call.keys:
            outcome = self._ledger.find(key, host)
            if outcome is None or (isinstance(outcome, JudgeFailure) and outcome.reason in ASK_AGAIN):
                return False
        return True

    # ------------------------------------------------------------ money

    def _affordable(self, calls: Sequence[Call]) -> Sequence[Call]:
        """The first calls that the budget has money for, which is set aside until they come back."""
        if self._budget is None:
            return calls
        for number, call in enumerate(calls):
            promise = self._budget.promise(self._guess(call))
            if promise is None:
                self._say(
                    f"The budget of ${self._budget.usd:g} (CROSS_JUDGE_BUDGET_USD) has room for {number:,} of "
                    f"{len(calls):,} calls; the others are not handed in."
                )
                return calls[:number]
            self._promises[call.keys[0]] = promise
        return calls

    def _guess(self, call: Call) -> float:
        """US dollars that a call may cost in a batch."""
        return self._usd(Usage(call_tokens(call.job), 0, REPLY_TOKENS * len(call.dimensions)))

    def _usd(self, usage: Usage) -> float:
        if self._price is None:
            return 0.0
        return self._price.usd(usage) * self._price_share

    def _settle_reply(self, call: Call, usage: Usage) -> None:
        """The same of a call that was answered, whose usage may not be credible."""
        usd = 0.0
        if self._price is not None:
            usd = self._price.billed_usd(usage, self._guess(call) / self._price_share) * self._price_share
        self._settle(call.keys[0], usd)

    def _settle(self, key: str, usd: float = 0.0) -> None:
        """Put what a call did cost in the place of what was set aside in this process."""
        promise = self._promises.pop(key, None)
        if self._budget is not None and promise is not None:
            self._budget.settle(promise, usd)

    # ------------------------------------------------------------ handing in

    def _hand_in(self, calls: Sequence[Call]) -> None:
        lines = ((call.keys[0], self._line(call)) for call in calls)
        for part in split(lines, MOST_REQUESTS, MOST_BYTES):
            self._submit(uuid.uuid4().hex, part)

    def _line(self, call: Call) -> bytes:
        sha256, read = call.job.sample.image_sha256, call.job.read_image
        image = self._scaled.read(sha256, read) if self._scaled else read(sha256)
        request = build_request(self._profile, self._identity.request, call.job, call.dimensions, image_url(image))
        body = request.encode(self._identity.model, adapt(request.parameters, self._quirks))
        head = json.dumps({"custom_id": call.keys[0], "method": "POST", "url": "/v1/chat/completions"})
        return head[:-1].encode() + b', "body": ' + body + b"}\n"

    def _submit(self, token: str, part: Sequence[tuple[str, bytes]]) -> None:
        """Upload a file, note the batch, hand it in, note its id; each step may be the last of this process."""
        file_id = self._upload(self._folder / f"{token}.jsonl", (line for _, line in part))
        batches.note_batch(self._ledger, token, self._endpoint.host, [key for key, _ in part])
        batch = self._client.with_options(max_retries=0).batches.create(
            input_file_id=file_id,
            endpoint="/v1/chat/completions",
            completion_window="24h",
            metadata={"lmms_eval_cross": token},
        )
        batches.name_batch(self._ledger, token, batch.id)
        self._say(f"Handed in batch {batch.id}: {len(part):,} calls.")

    def _upload(self, path: Path, lines: Iterable[bytes]) -> str:
        private_folder(path.parent)
        try:
            with path.open("wb") as file:
                file.writelines(lines)
            with path.open("rb") as file:
                return self._client.files.create(file=file, purpose="batch").id
        finally:
            path.unlink(missing_ok=True)

    def _adopt(self) -> None:
        """Find the batches that were handed in by a process that died before it could note their ids."""
        lost = batches.unnamed_batches(self._ledger, self._endpoint.host)
        if not lost:
            return
        for batch in self._client.batches.list(limit=100):
            token = (batch.metadata or {}).get("lmms_eval_cross")
            if token in lost:
                batches.name_batch(self._ledger, token, batch.id)
                lost.discard(token)
        for token in lost:
            batches.forget_batch(self._ledger, token)

    # ------------------------------------------------------------ collecting

    def _open(self) -> list[tuple[str, list[str]]]:
        return batches.open_batches(self._ledger, self._endpoint.host)

    def _collect(self, calls: Mapping[str, Call]) -> None:
        """Wait for the open batches of these calls; what they answer is filed before a batch counts as collected."""
        waiting = {name for name, keys in self._open() if not calls.keys().isdisjoint(keys)}
        while waiting:
            for name in sorted(waiting):
                batch = self._client.batches.retrieve(name)
                if batch.status in _OVER:
                    self._file(batch, calls)
                    batches.close_batch(self._ledger, name)
                    waiting.discard(name)
            if waiting:
                self._say(f"Waiting for {len(waiting)} batches.")
                time.sleep(self._poll_seconds)

    def _file(self, batch: Batch, calls: Mapping[str, Call]) -> None:
        if batch.status == "failed" and not batch.output_file_id:
            errors = (batch.errors and batch.errors.data) or []
            why = "; ".join(str(error.message) for error in errors if error)
            batches.close_batch(self._ledger, batch.id)
            raise JudgeSetupError(f"The batch {batch.id} failed as a whole ({why[:300]}); judge without --batch.")
        for file_id in (batch.output_file_id, batch.error_file_id):
            if not file_id:
                continue
            for line in self._client.files.content(file_id).iter_lines():
                if line.strip():
                    self._file_line(line, calls)

    def _file_line(self, text: str, calls: Mapping[str, Call]) -> None:
        """File one answer; a call that expired, failed or can't be read has no outcome and is handed in again."""
        try:
            line = read_batch_line(text)
        except ValueError:
            self._say("A line of a batch's answers can't be read; its call is handed in again.")
            return
        call, response = calls.get(line.custom_id), line.response
        if call is None:
            return
        if response is None:
            self._settle(call.keys[0])
            return
        if response.status_code == 200:
            self._file_reply(call, response.body)
            return
        self._settle(call.keys[0])
        if response.status_code in {400, 413, 422}:
            self._file_refusal(call, response.status_code, response.body)

    def _file_reply(self, call: Call, body: Mapping[str, Any]) -> None:
        self._answered = True
        reply = read_completion(body)
        heard = read_heard(self._profile, call.job.rubric, call.dimensions, reply, tuple(sorted(self._quirks)))
        self._settle_reply(call, heard.usage)
        self._keep(call, heard.outcomes)

    def _file_refusal(self, call: Call, status: int, body: Mapping[str, Any]) -> None:
        sent = dict(self._identity.request)
        if self._profile.structured:
            sent["response_format"] = None
        said = read_error_value(body)
        quirk = learn(status, said.parameter, said.words, sent)
        if self._answered:  # with the same parameters: so it is none of them that the endpoint does not take
            quirk = None
        if quirk and quirk not in self._quirks:
            self._quirks |= {quirk}
            save_quirks(self._ledger, *self._place, self._quirks)
        if quirk:
            return
        detail = f"The endpoint answered {status}: {said.words[:300]}"
        self._keep(call, failures(call.dimensions, "rejected", detail))

    def _keep(self, call: Call, outcomes: Mapping[Dimension, Outcome]) -> None:
        for name in call.dimensions:
            entry = call.job.entry(self._identity, self._endpoint.host, name, self._run)
            self._ledger.record_verdict(entry, outcomes[name])

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def split(lines: Iterable[tuple[str, bytes]], most_requests: int, most_bytes: int) -> Iterator[list[tuple[str, bytes]]]:
    """Parts of at most so many requests and bytes, in order; a line that is too large alone is a part of its own."""
    part: list[tuple[str, bytes]] = []
    size = 0
    for line in lines:
        if part and (len(part) == most_requests or size + len(line[1]) > most_bytes):
            yield part
            part, size = [], 0
        part.append(line)
        size += len(line[1])
    if part:
        yield part


def judge_in_batches(
    jobs: Iterable[Job],
    settings: Settings,
    ledger: Ledger,
    budget: Budget | None = None,
    run: str | None = None,
) -> Left:
    """Have answers judged by the Batch API for a run, within a budget; gives what is left.

    One process at a time, so that none takes another's batch for lost.
    """
    judge = BatchJudge(settings, ledger, budget, run=run)
    try:
        with own_lock(settings.home / "batches.lock"):
            return judge.judge(jobs)
    finally:
        judge.close()
