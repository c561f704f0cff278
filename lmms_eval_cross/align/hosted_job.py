"""A fine-tuning job at OpenAI, or at a server that speaks like it: handed in once, waited for, taken up again.

Each step is noted in the work folder before and after it is taken, under a token that goes along as metadata: a
process that dies between a request and its answer is followed by one that finds the job by its token.
"""

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import openai
from openai import OpenAI
from openai.types.fine_tuning import FineTuningJob
from pydantic import TypeAdapter

from lmms_eval_cross.align.hosted_plan import HostedPlan
from lmms_eval_cross.errors import AlignError
from lmms_eval_cross.files import file_sha256, write_whole
from lmms_eval_cross.judge.client import error_message
from lmms_eval_cross.judge.endpoint import Endpoint
from lmms_eval_cross.judge.sdk_clients import client_options
from lmms_eval_cross.outside import parse_json, read_text

STATE: Final = "job.json"
TOKEN: Final = "lmms_eval_cross"
POLL_SECONDS: Final = 30.0
TIMEOUT_SECONDS: Final = 600.0
"""Of one request; the upload is the long one."""
_OVER: Final = frozenset({"succeeded", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class JobState:
    """How far a job has come; what the work folder remembers."""

    host: str
    model: str
    method: str
    """As JSON."""
    data_sha256: str
    """Of the training file."""
    token: str
    file_id: str | None = None
    asked: bool = False
    """The job was asked for, whether or not the answer came."""
    job_id: str | None = None
    tuned_model: str | None = None


class HostedTuning:
    """One job, its endpoint and its work folder."""

    def __init__(
        self,
        endpoint: Endpoint,
        plan: HostedPlan,
        folder: Path,
        say: Callable[[str], None] = print,
        poll: float = POLL_SECONDS,
    ) -> None:
        self._endpoint, self._plan, self._say, self._poll = endpoint, plan, say, poll
        self._path = folder / STATE
        self._client = OpenAI(**client_options(endpoint, TIMEOUT_SECONDS, retries=4))

    def run(self) -> str:
        """Hand the job in unless that is done, wait for its end; the tuned model's name.

        Raises:
            AlignError: the folder belongs to another job, the endpoint refuses, or the job fails.
        """
        try:
            state = self._state()
            if state.job_id is None:
                state = self._hand_in(state)
            return self._wait(state)
        except openai.APIStatusError as error:
            raise AlignError(
                f"{self._endpoint.host} answered {error.status_code} ({error_message(error, self._endpoint)}); "
                "mend that and give the same command again, which pays nothing twice."
            ) from None
        except openai.APIConnectionError:
            raise AlignError(
                f"{self._endpoint.host} can't be reached; give the same command again later, which goes on from here."
            ) from None
        finally:
            self._client.close()

    def _state(self) -> JobState:
        """What an earlier process noted, or a new job's beginning."""
        plan = self._plan
        digest = file_sha256(plan.file)
        wanted = JobState(
            self._endpoint.host, plan.job.model, json.dumps(plan.method, sort_keys=True), digest, uuid.uuid4().hex
        )
        if not self._path.is_file():
            return wanted
        noted = self._noted()
        same = replace(wanted, token=noted.token)
        if same != replace(noted, file_id=None, asked=False, job_id=None, tuned_model=None):
            raise AlignError(
                f"{self._path.parent} holds a job with other data, settings or another endpoint; name another -o."
            )
        return noted

    def _noted(self) -> JobState:
        try:
            return TypeAdapter(JobState).validate_python(parse_json(read_text(self._path)))
        except (OSError, ValueError):
            raise AlignError(f"{self._path} is not what `align openai` notes; name another -o.") from None

    def _note(self, state: JobState) -> JobState:
        write_whole(self._path, json.dumps(asdict(state), indent=2) + "\n")
        return state

    def _hand_in(self, state: JobState) -> JobState:
        if state.asked:
            job_id = self._find(state.token)
            if job_id is not None:
                return self._note(replace(state, job_id=job_id))
        if state.file_id is None:
            with self._plan.file.open("rb") as file:
                uploaded = self._client.files.create(file=file, purpose="fine-tune")
            state = self._note(replace(state, file_id=uploaded.id))
            self._say(f"Uploaded {self._plan.file.name} as {uploaded.id}.")
        state = self._note(replace(state, asked=True))
        assert state.file_id is not None
        created = self._client.with_options(max_retries=0).fine_tuning.jobs.create(
            model=self._plan.job.model,
            training_file=state.file_id,
            extra_body={"method": self._plan.method},
            metadata={TOKEN: state.token},
        )
        self._say(f"Handed in the job {created.id}.")
        return self._note(replace(state, job_id=created.id))

    def _find(self, token: str) -> str | None:
        """The id of the job that bears this token, if the endpoint has it."""
        for job in self._client.fine_tuning.jobs.list(limit=100):
            if (job.metadata or {}).get(TOKEN) == token:
                return job.id
        return None

    def _wait(self, state: JobState) -> str:
        assert state.job_id is not None
        last = ""
        while True:
            job = self._client.fine_tuning.jobs.retrieve(state.job_id)
            if job.status != last:
                self._say(f"{state.job_id}: {job.status}")
                last = job.status
            if job.status in _OVER:
                return self._ending(state, job)
            time.sleep(POLL_SECONDS)

    def _ending(self, state: JobState, job: FineTuningJob) -> str:
        if job.status == "succeeded" and job.fine_tuned_model:
            self._note(replace(state, tuned_model=job.fine_tuned_model))
            return job.fine_tuned_model
        why = (job.error.message if job.error else None) or "no reason given"
        raise AlignError(f"The job {job.id} {job.status} ({why}); mend that and begin in another -o.")
