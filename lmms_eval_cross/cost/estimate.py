"""What judging will cost, before any call: calls, tiles, tokens, bytes and money for each profile.

Text tokens are estimated as UTF-8 bytes / 4, so that no tokenizer has to be downloaded; how long answers and replies
will be is assumed, and both numbers are the caller's.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from lmms_eval_cross.benchmark.records import Sample, Usage
from lmms_eval_cross.benchmark.rubric import Rubric
from lmms_eval_cross.data.images import StoredImage, open_image
from lmms_eval_cross.data.scaled import tiles
from lmms_eval_cross.judge.prices import Price, PriceList
from lmms_eval_cross.judge.profiles import Dimensions, Profile

BYTES_A_TOKEN: Final = 4
CACHED_FROM: Final = 1024
"""The shortest prefix, in tokens, that OpenAI caches; longer ones count in steps of `CACHED_STEP`."""
CACHED_STEP: Final = 128
_GPT_4O: Final = Price(input=0, cached=0, output=0)
_MARK: Final = "\x00"


@dataclass(frozen=True, slots=True)
class Picture:
    """What a picture costs to send and to look at."""

    tiles: int
    bytes: int
    scaled_bytes: int

    def sent_bytes(self, scaled: bool) -> int:
        """As a request carries the picture, or its scaled copy: in base64, four bytes for three."""
        size = self.bytes
        if scaled:
            size = self.scaled_bytes
        return math.ceil(size / 3) * 4


@dataclass(frozen=True, slots=True)
class Lengths:
    """What can't be known beforehand, in tokens."""

    answer: int = 400
    """Of the model under test."""
    reply: int = 100
    """Of the judge, for one dimension."""


@dataclass(slots=True)
class CostEstimate:
    """The sum over all calls of a profile."""

    profile: str
    calls: int = 0
    tiles: int = 0
    bytes: int = 0
    usage: Usage = field(default_factory=Usage)

    def usd(self, price: Price) -> float:
        """US dollars at list prices."""
        return price.usd(self.usage)


def measure_picture(image: StoredImage, scaled: StoredImage) -> Picture:
    """Tiles and bytes of a picture, and the bytes of its scaled copy."""
    with open_image(image.data) as opened:
        return Picture(tiles(*opened.size), len(image.data), len(scaled.data))


def estimate(
    profile: Profile,
    samples: Iterable[tuple[Sample, Rubric]],
    pictures: Mapping[str, Picture],
    price: Price | None,
    lengths: Lengths,
) -> CostEstimate:
    """What judging one answer to each of `samples` takes.

    The calls of a sample that follow its first one are counted as cached up to where they differ, if that is long
    enough. In profile `official` all four go at once, and nothing is counted as cached.
    """
    total = CostEstimate(profile.name)
    for sample, rubric in samples:
        picture = pictures[sample.image_sha256]
        for number, wave in enumerate(profile.waves):
            for dimensions in wave:
                _add_call(total, profile, rubric, dimensions, sample, picture, price or _GPT_4O, lengths, number > 0)
    return total


def _add_call(
    total: CostEstimate,
    profile: Profile,
    rubric: Rubric,
    dimensions: Dimensions,
    sample: Sample,
    picture: Picture,
    price: Price,
    lengths: Lengths,
    follows: bool,
) -> None:
    answer = _MARK * (BYTES_A_TOKEN * lengths.answer)
    words, text = _words(profile, rubric, dimensions, sample, answer)
    look = price.image_base + price.image_tile * picture.tiles
    prompt = words // BYTES_A_TOKEN + look
    cached = 0
    if follows:
        cached = _cached_tokens(prompt - _after_answer(text) // BYTES_A_TOKEN)
    total.calls += 1
    total.tiles += picture.tiles
    total.bytes += words + picture.sent_bytes(profile.scaled)
    total.usage += Usage(prompt, cached, lengths.reply * len(dimensions))


def _cached_tokens(shared: int) -> int:
    """How many tokens OpenAI caches of a prefix that two calls share."""
    if shared < CACHED_FROM:
        return 0
    return shared // CACHED_STEP * CACHED_STEP


def _words(profile: Profile, rubric: Rubric, dimensions: Dimensions, sample: Sample, answer: str) -> tuple[int, str]:
    """The bytes of all text in a call, schema counted in, and the text of the user message."""
    messages = profile.messages(rubric, dimensions, sample.query, sample.norm, answer, "")
    text = next(part["text"] for part in messages[-1]["content"] if part["type"] == "text")
    size = len((messages[0]["content"] + text).encode())
    structure = profile.response_format(rubric, dimensions)
    if structure:
        size += len(json.dumps(structure))
    return size, text


def _after_answer(text: str) -> int:
    """Bytes behind the answer: at least what differs between the calls of a sample."""
    return len(text.rpartition(_MARK)[2].encode())


def cost_table(estimates: Sequence[CostEstimate], prices: PriceList, model: str) -> list[str]:
    """The estimates as Markdown; money only where the model has a price."""
    price = prices.find(model)
    names = ["profile", "calls", "tiles", "input tokens", "of them cached", "output tokens", "MB sent"]
    if price is not None:
        names += ["USD", "USD in batch", "of official"]
    lines = ["| " + " | ".join(names) + " |", "|---|" + "--:|" * (len(names) - 1)]
    by_profile = {row.profile: row for row in estimates}
    for row in estimates:
        cells = _counts(row)
        if price is not None:
            cells += _money(row, by_profile.get("official"), price, prices.batch)
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _counts(row: CostEstimate) -> list[str]:
    usage = row.usage
    counts = row.calls, row.tiles, usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens
    return [row.profile, *map("{:,}".format, counts), f"{row.bytes / 1e6:,.0f}"]


def _money(row: CostEstimate, official: CostEstimate | None, price: Price, batch_share: float) -> list[str]:
    usd = row.usd(price)
    # In a batch no call waits for another: nothing is counted as cached.
    batch = price.usd(Usage(row.usage.prompt_tokens, 0, row.usage.completion_tokens)) * batch_share
    cells = [f"{usd:.2f}", f"{batch:.2f}", ""]
    if official is not None and official.usd(price):
        cells[-1] = f"{usd / official.usd(price):.2f}"
    return cells
