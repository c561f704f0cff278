"""What a hosted fine-tuning job would send and cost, and what stands against it: nothing here asks an endpoint."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from lmms_eval_cross.align.dataset import AlignDataset
from lmms_eval_cross.align.preset import HostedJob, read_preset
from lmms_eval_cross.errors import AlignError, SettingsError

NO_NEW_JOBS_AFTER: Final = date(2027, 1, 6)
MODEL_ENDS: Final = date(2027, 1, 14)
"""The last days of OpenAI's fine-tuning, and of the paper's snapshot with all that is tuned from it (read 2026-11)."""
VISION_MODEL: Final = "gpt-4o-2024-08-06"
"""The one model whose supervised fine-tuning takes pictures."""
CHARACTERS_PER_TOKEN: Final = 4.0
"""A rule of thumb for English; other scripts have fewer, so that the price shown is then too low."""
USD_PER_MILLION: Final = 25.0
"""Training tokens of gpt-4o-2024-08-06, by the list of 2025-08; `--usd-per-million` names another price."""
_TOKENS_OF_A_PICTURE: Final = 85 + 4 * 170
"""As gpt-4o counts a picture of 1,024 x 1,024 in full detail."""


@dataclass(frozen=True, slots=True)
class HostedPlan:
    """A job that could be handed in."""

    file: Path
    kind: str
    job: HostedJob
    examples: int
    pictures: int
    tokens: int
    """Of one epoch; estimated."""
    usd_per_million: float

    @property
    def usd(self) -> float:
        """What training would cost, estimated."""
        return self.tokens * self.job.n_epochs * self.usd_per_million / 1e6

    @property
    def method(self) -> dict[str, Any]:
        """The job's `method`, as the endpoint takes it."""
        wanted: dict[str, float] = {"n_epochs": self.job.n_epochs, "batch_size": self.job.batch_size}
        if self.job.learning_rate_multiplier is not None:
            wanted["learning_rate_multiplier"] = self.job.learning_rate_multiplier
        if self.kind == "sft":
            return {"type": "supervised", "supervised": {"hyperparameters": wanted}}
        if self.job.beta is not None:
            wanted["beta"] = self.job.beta
        return {"type": "dpo", "dpo": {"hyperparameters": wanted}}


def plan_job(data: AlignDataset, file: Path, preset: str, model: str | None, usd_per_million: float) -> HostedPlan:
    """What would be handed in for data that are exported to `file`.

    Args:
        data: the dataset that was exported.
        file: its JSON lines in OpenAI's format.
        preset: name or file of a preset with a `hosted` part.
        model: the base model, by default the preset's.
        usd_per_million: US dollars for a million training tokens.

    Raises:
        SettingsError: the preset has no hosted job for such data.
        AlignError: the model doesn't take what the data hold.
    """
    kind = data.manifest.kind
    job = read_preset(preset).hosted.get(kind)
    if job is None:
        raise SettingsError(f"The preset {preset} has no hosted {kind} job; paper-gpt4o has one.")
    if model is not None:
        job = job.model_copy(update={"model": model})
    examples = pictures = tokens = 0
    for line in _lines(file):
        texts, images = _content(line)
        examples += 1
        pictures += images
        tokens += math.ceil(sum(map(len, texts)) / CHARACTERS_PER_TOKEN) + images * _TOKENS_OF_A_PICTURE
    if pictures and job.model != VISION_MODEL:
        raise AlignError(
            f"{job.model} takes no pictures in fine-tuning and the data hold {pictures}; only {VISION_MODEL} does."
        )
    return HostedPlan(file, kind, job, examples, pictures, tokens, usd_per_million)


def deadlines(today: date) -> str:
    """What must be known before anything else."""
    return (
        f"OpenAI takes no new fine-tuning jobs after {NO_NEW_JOBS_AFTER} ({_days_to(NO_NEW_JOBS_AFTER, today)}), and "
        f"{VISION_MODEL} with every model tuned from it ends on {MODEL_ENDS} ({_days_to(MODEL_ENDS, today)}); "
        "organisations that never tuned there are refused already."
    )


def refuse_late(today: date) -> None:
    """Refuse to hand in what OpenAI takes no more.

    Raises:
        AlignError: the last day for new jobs is over.
    """
    if today > NO_NEW_JOBS_AFTER:
        raise AlignError(
            f"OpenAI takes no new fine-tuning jobs since {NO_NEW_JOBS_AFTER}, and today is {today}; export for another "
            "service (`align export --to azure`), or tune here (`align tune`)."
        )


def describe_plan(plan: HostedPlan) -> str:
    """What would be sent and what it would cost, for people."""
    pictures = f", {plan.pictures:,} pictures" if plan.pictures else ""
    size = plan.file.stat().st_size / 1e6
    lines = [
        f"file        {plan.file}: {plan.examples:,} examples{pictures}, {size:,.1f} MB",
        f"job         {plan.job.model}, {json.dumps(plan.method)}",
        f"price       about ${plan.usd:,.2f}: {plan.tokens:,} tokens (estimated) x {plan.job.n_epochs} epochs, "
        f"${plan.usd_per_million:g} a million",
    ]
    if plan.kind == "dpo":
        lines.append(
            "pairs       texts alone, since preference tuning takes no pictures there; rejected answers are unsafe"
        )
    if plan.pictures:
        lines.append("pictures    those with people, faces, children or CAPTCHAs are left out by OpenAI")
    return "\n".join(lines)


def _days_to(day: date, today: date) -> str:
    left = (day - today).days
    return f"{left} days left" if left >= 0 else "past"


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _content(line: dict[str, Any]) -> tuple[list[str], int]:
    """The texts of an example, both answers of a pair included, and the number of its pictures."""
    if "messages" in line:
        messages = line["messages"]
    else:
        messages = [*line["input"]["messages"], *line["preferred_output"], *line["non_preferred_output"]]
    texts, images = [], 0
    for message in messages:
        content = message["content"]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        for part in parts:
            if part["type"] == "text":
                texts.append(part["text"])
            else:
                images += 1
    return texts, images
