"""`--model cross_api`: a model behind an endpoint, asked as the release asks, with its reasoning effort on record."""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from typing import Any, Final

from lmms_eval.api.instance import GenerationResult, Instance, TokenCounts
from tqdm import tqdm

from lmms_eval_cross.benchmark.records import Usage
from lmms_eval_cross.data.originals import original_pictures
from lmms_eval_cross.errors import ending_with_a_sentence
from lmms_eval_cross.judge.caller import Caller, Caution
from lmms_eval_cross.judge.endpoint import Endpoint, find_model_endpoint
from lmms_eval_cross.judge.prices import load_prices
from lmms_eval_cross.judge.progress import Tally
from lmms_eval_cross.judging import open_answers_budget
from lmms_eval_cross.ledger.spend import Budget
from lmms_eval_cross.ledger.steady import open_ledger
from lmms_eval_cross.ledger.store import Ledger
from lmms_eval_cross.models.answering import Asker, ModelQuestion, answer_all
from lmms_eval_cross.models.api_arguments import ApiArguments, read_arguments, refuse_sampling
from lmms_eval_cross.models.learnt import Learnt
from lmms_eval_cross.models.other_wires import AnthropicWire, BedrockWire, GeminiWire
from lmms_eval_cross.models.prompt import PromptTurn, read_messages
from lmms_eval_cross.models.ranked import RankedModel
from lmms_eval_cross.models.wires import ChatWire, ResponsesWire, Sampling, Wire
from lmms_eval_cross.pacing.limiter import Limiter
from lmms_eval_cross.pacing.spacing import Spacing
from lmms_eval_cross.runs.made_answer import MadeAnswer
from lmms_eval_cross.settings import load_settings

_KEPT: Final = "CROSS_RUN_ANSWERS"
"""Set by `lmms-eval-cross run`, which keeps answers."""
_GO_ON: Final = "Run the same command again, which goes on from the answers that are kept; budget_usd may be raised."
_NOT_KEPT: Final = (
    "What is missing counts as `no_response`; under `lmms-eval-cross run` the same command would go on from the "
    "answers that are there."
)
_TOO_SLOW: Final = (
    " A server that answers few calls at a time wants a lower concurrency in --model_args, a slow one a higher timeout."
)
_MAX_NEW_TOKENS: Final = 2048
_WIRES: Final[dict[str, Callable[[Endpoint, ApiArguments], Wire]]] = {
    "anthropic": AnthropicWire,
    "gemini": GeminiWire,
    "bedrock": BedrockWire,
}


class CrossApi(RankedModel):
    """Asks an endpoint; docs/models.md has the arguments.

    Under `lmms-eval-cross run` each answer is kept as it comes, and what can't go on ends the process with status 1,
    so that the same command goes on from there. Elsewhere what is missing is a failure, which is never judged.
    """

    is_simple = False

    def __init__(self, **arguments: Any) -> None:
        """Check arguments, key and price; nothing is asked yet."""
        super().__init__()
        with ending_with_a_sentence():
            settings = load_settings()
            self._arguments = given = read_arguments(arguments)
            version = given.azure_api_version if given.provider == "azure" else None
            self._endpoint = find_model_endpoint(
                given.provider, given.model, given.base_url, version, settings.model_api_key
            )
            with closing(open_ledger(settings)) as ledger:
                self._budget(ledger)
                self._price = load_prices(settings.judge_prices).find(self._arguments.model)
        self._join_ranks()

    def generate_until(
        self, requests: list[Instance], told: Callable[[int, GenerationResult], None] | None = None
    ) -> list[GenerationResult]:
        """An answer a request, in their order.

        Args:
            requests: of lmms-eval.
            told: each answer with the place of its request, as soon as it is there.
        """
        with ending_with_a_sentence():
            questions = [self._question(request) for request in requests]
        with tqdm(total=len(requests), desc=f"Asking {self._arguments.model}", disable=self.rank != 0) as bar:

            def tell_one(place: int, answer: MadeAnswer) -> None:
                bar.update()
                if told is not None:
                    told(place, _result(answer, questions[place]))

            with ending_with_a_sentence(), closing(open_ledger(load_settings())) as ledger:
                answers, is_stopped = asyncio.run(self._ask(questions, ledger, tell_one))
        if is_stopped and _KEPT in os.environ:
            raise SystemExit(1)
        return list(map(_result, answers, questions))

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        """Not to be had from an endpoint."""
        raise NotImplementedError("cross_api has texts and no likelihoods")

    def generate_until_multi_round(self, requests: list[Instance]) -> list[str]:
        """Not asked by our tasks."""
        raise NotImplementedError("cross_api answers one round")

    async def _ask(
        self, questions: Sequence[ModelQuestion], ledger: Ledger, told: Callable[[int, MadeAnswer], None]
    ) -> tuple[list[MadeAnswer], bool]:
        """The answers, and whether asking had to end before the last."""
        given = self._arguments
        wire = self._wire()
        learnt = Learnt(ledger, wire.client)
        api = given.provider if given.provider in _WIRES else f"{given.provider} {given.api}"
        asker = Asker(wire, self._price, api)
        most = max(1, given.concurrency // self.world_size)
        limiter = Limiter(most, 1 / self.world_size, proven=learnt.is_proven, timeout_seconds=given.timeout)
        tally, budget = Tally(self._price), self._budget(ledger)
        caller = Caller(asker, limiter, tally, given.patience, budget, 0.5, self._caution(questions))
        spacing = Spacing(given.rpm / self.world_size if given.rpm else None)
        try:
            return await answer_all(caller, questions, most, spacing, told), caller.is_stopped
        finally:
            learnt.keep(has_answered=tally.usage != Usage())
            await wire.client.close()

    def _wire(self) -> Wire:
        if self._arguments.api == "responses":
            return ResponsesWire(self._endpoint, self._arguments)
        return _WIRES.get(self._arguments.provider, ChatWire)(self._endpoint, self._arguments)

    def _budget(self, ledger: Ledger) -> Budget | None:
        """The money that answers may cost, for all ranks together; JudgeSetupError without a price to count by."""
        if self._arguments.budget_usd is None:
            return None
        return open_answers_budget(self._arguments.model, self._arguments.budget_usd, load_settings(), ledger)

    def _caution(self, questions: Sequence[ModelQuestion]) -> Caution:
        reply_tokens = max((question.sampling.max_new_tokens for question in questions), default=0)
        return Caution(
            who="the model",
            finish_later=_GO_ON if _KEPT in os.environ else _NOT_KEPT,
            reply_tokens=reply_tokens + self._arguments.thinking,
            too_slow=_TOO_SLOW,
            budget="budget_usd in --model_args",
            patience="patience in --model_args",
        )

    def _question(self, request: Instance) -> ModelQuestion:
        text, doc_to_messages, settings, doc_id, task, split = request.args
        turns = partial(_turns, doc_to_messages, self.task_dict[task][split], doc_id)
        return ModelQuestion(str(text), turns, _sampling(self._arguments, settings))


def _turns(doc_to_messages: Callable[[Any], Any], docs: Any, doc_id: int) -> list[PromptTurn]:
    """The messages of a document; of ours with the picture's own bytes."""
    with original_pictures():
        return read_messages(doc_to_messages(docs[doc_id]))


def _sampling(arguments: ApiArguments, settings: dict[str, Any]) -> Sampling:
    """The model's arguments, else the task's settings with --gen_kwargs in them.

    The temperature of 0 that tasks ask for is not sent: the release sends none, and several models refuse one.
    """
    temperature = arguments.temperature
    if temperature is None and settings.get("temperature"):
        temperature = float(settings["temperature"])
    refuse_sampling(arguments, temperature, settings.get("top_p"))
    return Sampling(
        max_new_tokens=arguments.max_new_tokens or int(settings.get("max_new_tokens") or _MAX_NEW_TOKENS),
        thinking=arguments.thinking,
        effort=arguments.reasoning_effort,
        temperature=temperature,
        top_p=settings.get("top_p"),
        seed=arguments.seed if arguments.seed is not None else settings.get("seed"),
    )


def _result(answer: MadeAnswer, question: ModelQuestion) -> GenerationResult:
    usage = question.usage
    return GenerationResult(answer, TokenCounts(usage.prompt_tokens, usage.completion_tokens, usage.reasoning_tokens))
