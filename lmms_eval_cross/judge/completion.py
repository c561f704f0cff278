"""A chat completion as it comes over the wire: parsed by types and within limits, and no further.

What doesn't fit is a failure of that call. Nothing that an endpoint sends may raise, or reach the ledger unread.
"""

from typing import Annotated, Any, Final, TypeAlias, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from lmms_eval_cross.benchmark.records import FailureReason, Usage
from lmms_eval_cross.judge.error_body import one_line, read_error_value
from lmms_eval_cross.judge.finish import ending
from lmms_eval_cross.judge.replies import NoReply, Reply
from lmms_eval_cross.judge.thinking import split_thinking, with_thinking
from lmms_eval_cross.pacing.limits import NOTHING_TOLD, Limits

_MOST_TOKENS: Final = 10**8
"""Of one call; a larger count is no count."""
_MOST_CHOICES: Final = 64
_THOUGHT: Final = frozenset({"thinking", "reasoning"})


def _whole_number(value: object) -> object:
    """A count as endpoints write it: 20, 20.0, "20", or nothing at all."""
    if value is None:
        return 0
    if isinstance(value, str):
        value = float(value)
    if isinstance(value, float):
        if abs(value) > _MOST_TOKENS:  # infinity too
            raise ValueError(f"must be at most {_MOST_TOKENS}")
        value = int(value)
    return max(0, value) if isinstance(value, int) else value


def _or_nothing(value: object, read: ValidatorFunctionWrapHandler) -> object:
    """A count, or a name, that is none: left out, for the reply beside it is paid, and may be whole."""
    try:
        return read(value)
    except ValidationError:
        return None


def _refusing_words(value: object) -> object:
    """A refusal's words; the endpoint may tell them as an object."""
    if not value or isinstance(value, str):
        return value or None
    return read_error_value(value).words or "refused"


_ValueT = TypeVar("_ValueT")
_Maybe: TypeAlias = Annotated[_ValueT | None, WrapValidator(_or_nothing)]
_Told = Annotated[int, BeforeValidator(_whole_number), Field(ge=0, le=_MOST_TOKENS)]
_Count = _Maybe[_Told]
_Name = Annotated[str, Field(max_length=500)]


class _Details(BaseModel):
    cached_tokens: _Count = 0
    reasoning_tokens: _Count = 0


class _Usage(BaseModel):
    prompt_tokens: _Count = 0
    completion_tokens: _Count = 0
    prompt_tokens_details: _Maybe[_Details] = None
    completion_tokens_details: _Maybe[_Details] = None

    def read(self) -> Usage:
        """As we count: cached tokens are part of the prompt."""
        prompt, completion = self.prompt_tokens_details or _Details(), self.completion_tokens_details or _Details()
        whole = self.prompt_tokens or 0
        cached = min(prompt.cached_tokens or 0, whole)
        written, thought = self.completion_tokens or 0, completion.reasoning_tokens or 0
        if thought > written:  # counted beside what was written, while we count it in
            written += thought
        return Usage(whole, cached, written, thought)


class _Part(BaseModel):
    """One part of a content that is a list: text, or what was thought."""

    type: _Name = "text"
    text: str | None = None
    thinking: "str | list[_Part] | None" = None


_Content = str | list[_Part | str] | None


class _Message(BaseModel):
    content: _Content = None
    refusal: Annotated[str | None, BeforeValidator(_refusing_words)] = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class _Native(BaseModel):
    native_finish_reason: _Maybe[_Name] = None


class _Choice(_Native):
    finish_reason: _Name | None = None
    message: _Message | None = None
    error: Any = None
    provider_specific_fields: _Maybe[_Native] = None

    @property
    def ended(self) -> str | None:
        """The finish reason; where a gateway calls finished what the model's own server does not, the server's.

        litellm's proxy says `stop` for every reason that it does not know, and has the other beside it.
        """
        fields = self.provider_specific_fields or _Native()
        native = self.native_finish_reason or fields.native_finish_reason
        if native and ending(self.finish_reason) == "finished" and ending(native) != "finished":
            return native
        return self.finish_reason


class _Completion(BaseModel):
    model: _Maybe[_Name] = None
    choices: Annotated[list[_Choice], Field(max_length=_MOST_CHOICES)] | None = None
    usage: _Maybe[_Usage] = None


def read_completion(value: object, limits: Limits = NOTHING_TOLD, reasons_are_given: bool = True) -> Reply | NoReply:
    """The reply of a chat completion, or why there is none.

    Args:
        value: the body, parsed as JSON.
        limits: of the response's headers.
        reasons_are_given: False where the endpoint is known never to say how a reply ended.
    """
    try:
        completion = _Completion.model_validate(value)
    except (ValidationError, RecursionError) as error:
        detail = f"The endpoint's answer is not a chat completion ({_fault(error)})."
        return NoReply("unavailable", detail, limits=limits, may_pass=not _is_billed(value))
    usage = (completion.usage or _Usage()).read()
    circumstances = (completion.model or "", usage, limits)
    if not completion.choices:
        detail = "The endpoint's answer is a completion without a choice."
        return NoReply("unavailable", detail, None, *circumstances, may_pass=not _is_billed(value))
    choice = completion.choices[0]
    text = _text(choice.message)
    trouble = _trouble(choice, text, reasons_are_given)
    if trouble is None:
        return Reply(text, *circumstances, choice.finish_reason is not None, choice.ended)
    said = (choice.message and choice.message.refusal) or text
    reason, detail = trouble
    may_pass = reason == "unavailable" and not _is_billed(value)
    untold = ending(choice.ended) == "untold"
    ended = choice.ended
    if choice.message and choice.message.refusal:
        ended = "refusal"
    return NoReply(reason, detail, said, *circumstances, may_pass=may_pass, finish_untold=untold, finish_reason=ended)


def _is_billed(value: object) -> bool:
    """Whether an answer counts tokens; what can't be read and may be billed is not asked for again and again."""
    return isinstance(value, dict) and bool(value.get("usage"))


def _trouble(choice: _Choice, text: str, reasons_are_given: bool) -> tuple[FailureReason, str] | None:
    """Why a choice holds no finished reply: the reason and a sentence; None if it does."""
    end = ending(choice.ended)
    if end == "filtered" or (choice.message and choice.message.refusal):
        return "refused", _sentence("The judge refused to answer", choice.ended)
    if end == "cut":
        return "truncated", _sentence("The judge's reply was cut off by a token limit", choice.ended)
    if choice.message is None:
        return "unavailable", "The endpoint's answer is a completion without a message."
    if choice.error is not None:
        return "unfinished", f"The endpoint broke off the reply: {read_error_value(choice.error).words}"
    if end == "unknown":
        reason = one_line(choice.ended or "")[:80]
        return "unfinished", f"The endpoint does not say that the reply is finished, but {reason!r}."
    return _trouble_of_text(text, end == "untold" and reasons_are_given)


def _trouble_of_text(text: str, reason_is_missing: bool) -> tuple[FailureReason, str] | None:
    """The same of the text alone."""
    spoken = split_thinking(text)
    if not spoken.ended:
        return "truncated", "The judge's reply stops in the middle of its thinking."
    if not spoken.words.strip():
        return "empty", "The judge's reply is empty." if not spoken.thinking else "The judge thought, and said nothing."
    if reason_is_missing:
        return "unfinished", "The endpoint does not say how the reply ended, as it does for others."
    return None


def _text(message: _Message | None) -> str:
    """Thinking and words of a message as one text."""
    if message is None:
        return ""
    thinking, words = message.reasoning_content or message.reasoning or "", message.content or ""
    if isinstance(words, list):
        thinking, words = thinking + _joined(words, thought=True), _joined(words, thought=False)
    return with_thinking(thinking, words) if thinking.strip() else words


def _joined(parts: "list[_Part | str]", thought: bool) -> str:
    """The texts of a list's parts, of those that are thinking or of the others."""
    texts: list[str] = []
    for part in parts:
        if isinstance(part, str):
            part = _Part(text=part)
        if (part.type in _THOUGHT) == thought:
            inner = part.thinking if part.thinking is not None else part.text
            texts.append(_joined([*inner], thought=False) if isinstance(inner, list) else inner or "")
    return "".join(texts)


def _sentence(words: str, finish_reason: str | None) -> str:
    """`words` as a sentence; the endpoint's own word for it in brackets, where it is not OpenAI's."""
    if finish_reason in {None, "stop", "length", "content_filter"}:
        return f"{words}."
    return f"{words} ({one_line(finish_reason or '')[:80]})."


def _fault(error: ValidationError | RecursionError) -> str:
    """The first thing that does not fit, without what stands there."""
    if isinstance(error, RecursionError):
        return "nested too deep"
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"][:4])
    return one_line(f"{place}: {first['msg']}" if place else first["msg"])[:160]
