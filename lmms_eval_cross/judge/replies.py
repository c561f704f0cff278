"""What comes of a judge call: a reply, or why there is none."""

from dataclasses import dataclass, field

from lmms_eval_cross.benchmark.records import FailureReason, Usage
from lmms_eval_cross.pacing.limits import Limits


@dataclass(frozen=True, slots=True)
class Reply:
    """What the judge said."""

    text: str
    """Thinking and words as one text; `split_thinking` parts them."""
    model: str
    usage: Usage
    limits: Limits = field(default=Limits(), compare=False)
    finish_told: bool = True
    """The endpoint says that the reply is finished; False where it never says how replies end."""
    finish_reason: str | None = field(default=None, compare=False)
    """The endpoint's own word for how it ended."""


@dataclass(frozen=True, slots=True)
class NoReply:
    """Why the judge said nothing of use."""

    reason: FailureReason
    detail: str
    text: str | None = None
    model: str | None = None
    usage: Usage = Usage()
    limits: Limits = field(default=Limits(), compare=False)
    may_pass: bool = False
    """Another try may go better."""
    refused: bool = False
    """A 429: too many calls."""
    faltered: bool = False
    """503 or no answer at all: the server is at its limit."""
    hopeless: bool = False
    """No other call will fare better either: the key, the model, or the purse."""
    finish_untold: bool = False
    """There is a reply, and the endpoint does not say how it ended."""
    is_billed: bool = False
    """The endpoint may bill the call: it replied, or was not waited for any longer."""
    may_be_its_own: bool = False
    """As hopeless as it looks, it may be this call's alone: a bare 403 or 404."""
    is_away: bool = False
    """A bare 404: where the address has answered before, a server behind it is away, and another try may go better."""
    finish_reason: str | None = field(default=None, compare=False)
    """The endpoint's own word for how a reply that is not whole ended."""
