"""What the answers of a model under test will cost, before any call."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lmms_eval_cross.benchmark.records import Sample, Usage
from lmms_eval_cross.cost.estimate import BYTES_A_TOKEN, Picture
from lmms_eval_cross.judge.prices import Price
from lmms_eval_cross.models.api_arguments import THINKING_TOKENS, Effort


@dataclass(frozen=True, slots=True)
class AskedModel:
    """Who answers, and how."""

    name: str
    efforts: Sequence[Effort] = ()
    rounds: int = 1


def answer_usage(
    samples: Iterable[Sample], pictures: Mapping[str, Picture], price: Price, answer_tokens: int, thinking: int
) -> Usage:
    """Tokens of one answer to each sample: query and picture in, the answer and at most so much thinking out."""
    prompt = count = 0
    for sample in samples:
        look = price.image_base + price.image_tile * pictures[sample.image_sha256].tiles
        prompt += len(sample.query.encode()) // BYTES_A_TOKEN + look
        count += 1
    return Usage(prompt, 0, count * (answer_tokens + thinking), count * thinking)


def answer_table(
    asked: AskedModel,
    samples: Sequence[Sample],
    pictures: Mapping[str, Picture],
    price: Price | None,
    answer_tokens: int,
) -> list[str]:
    """A row an effort, as Markdown; money only where the model has a price."""
    lines = ["| effort | answers | input tokens | output tokens, at most | USD, at most |", "|---|--:|--:|--:|--:|"]
    counted = price or Price(input=0, cached=0, output=0)
    efforts: list[Effort | None] = [*asked.efforts]
    for effort in efforts or [None]:
        thinking = THINKING_TOKENS[effort or "none"]
        usage = answer_usage(samples, pictures, counted, answer_tokens, thinking)
        tokens = asked.rounds * usage.prompt_tokens, asked.rounds * usage.completion_tokens
        money = "no price" if price is None else f"{asked.rounds * price.usd(usage):.2f}"
        cells = [effort or "not sent", *map("{:,}".format, (asked.rounds * len(samples), *tokens)), money]
        lines.append("| " + " | ".join(cells) + " |")
    return lines
