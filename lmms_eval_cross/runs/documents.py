"""What the JSON that we write is made of: the types that `make schemas` turns into JSON Schema.

A document's type is a class a JSON object: every field is required and no other is allowed. The sentence under a field
becomes its description. Only `make schemas` and tests import these; writers build plain dicts, and the tests hold
every document that they write against the schema.
"""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Count: TypeAlias = Annotated[int, Field(ge=0)]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
"""Of 0..1."""
Percent: TypeAlias = Annotated[float, Field(ge=0, le=100)]
Points: TypeAlias = Annotated[float, Field(ge=-100, le=100)]
"""A difference of two percentages."""
ErrorRateIntervals: TypeAlias = Annotated[
    dict[Literal["sensitivity", "specificity"], tuple[Share, Share] | None], Field(default_factory=dict)
]
"""Two-sided, over norms, of the judge's rates against labels; null where there are too few norms."""
JudgeKind: TypeAlias = Literal["openai", "anthropic", "gemini", "offline", "panel"]


class Document(BaseModel):
    """A JSON object whose keys are all required, with no other key."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def every_key(keys: tuple[str, ...]) -> Any:
    """For a dict whose keys are a Literal: all of them are required."""
    return Field(json_schema_extra={"required": list(keys)})


class ProvenanceDocument(Document):
    """Who judged, by which rubric, on which data; as in the sample records (docs/schema.md)."""

    judge: JudgeKind
    judge_id: str
    judge_model: str
    rubric: str
    rubric_sha256: str
    profile: str
    request: dict[str, JsonValue]
    """What the judge was asked with, such as its temperature; an endpoint may know any setting."""
    data_sha256: str
    partial: bool
    versions: dict[str, str]
