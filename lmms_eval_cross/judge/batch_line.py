"""A line of what a batch answered: parsed by types and within limits, as a body that came alone is."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints

from lmms_eval_cross.judge.body import read_body

_Object = Annotated[dict[str, Any], BeforeValidator(lambda value: value or {})]


class BatchResponse(BaseModel):
    """The answer to one call."""

    status_code: int = 0
    body: _Object = Field(default_factory=dict)


class BatchLine(BaseModel):
    """One call of a batch."""

    custom_id: Annotated[str, StringConstraints(max_length=500)] = ""
    response: Annotated[BatchResponse | None, BeforeValidator(lambda value: value or None)] = None
    """None of a call that expired or failed."""


def read_batch_line(line: str) -> BatchLine:
    """The line.

    Raises:
        ValueError: it is none.
    """
    return BatchLine.model_validate(read_body(line.encode("utf-8", "surrogatepass")))
