"""What tokens cost: a dated list of prices that the user can override."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Final

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from lmms_eval_cross.benchmark.records import Usage
from lmms_eval_cross.errors import SettingsError
from lmms_eval_cross.outside import depth_told, read_text

OLD_AFTER: Final = 180
"""Days after which a list of prices is said to be old."""


_LEAST: Final = 0.05
"""Of the estimate: a call costs no less, whatever its usage says. Half a token a word and a picture of low detail, all
of it from the prefix cache, come to more."""


class Price(BaseModel):
    """US dollars per million tokens of one model, and the tokens that it counts for a picture."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: float
    cached: float
    """For input tokens that the endpoint had in its prefix cache."""
    output: float
    image_base: int = 85
    image_tile: int = 170

    def usd(self, usage: Usage) -> float:
        """What a call cost; reasoning tokens are among the completion's."""
        fresh = max(0, usage.prompt_tokens - usage.cached_tokens)
        spent = fresh * self.input + usage.cached_tokens * self.cached + usage.completion_tokens * self.output
        return spent / 1e6

    def billed_usd(self, usage: Usage, estimate_usd: float) -> float:
        """What a call counts that the endpoint may bill; without a credible count, what was estimated for it."""
        if usage.prompt_tokens <= 0:
            return estimate_usd
        return max(self.usd(usage), _LEAST * estimate_usd)


class PriceList(BaseModel):
    """Prices of a day."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    date: date
    batch: float = 0.5
    """The Batch API's share of these prices."""
    models: dict[str, Price]

    def find(self, model: str) -> Price | None:
        """The price of a model: that of its name, or of the longest name that its own begins with and a dash.

        `gpt-4o` prices `gpt-4o-2024-08-06`; a listed `gpt-4o-mini` goes before it.
        """
        if model in self.models:
            return self.models[model]
        names = [name for name in self.models if _is_snapshot(model, name)]
        if not names:
            return None
        return self.models[max(names, key=len)]

    def usd(self, usages: Mapping[str, Usage]) -> float | None:
        """What calls cost, from model -> tokens; None where a model that took tokens has no price."""
        total = 0.0
        for model, usage in usages.items():
            if usage == Usage():
                continue
            price = self.find(model)
            if price is None:
                return None
            total += price.usd(usage)
        return total


def _is_snapshot(model: str, name: str) -> bool:
    """Whether `model` is a dated snapshot of `name`; `gpt-4.1-nano` is not one of `gpt-4.1`."""
    rest = model.removeprefix(name + "-")
    return rest != model and rest.replace("-", "").isdigit()


def load_prices(own: Path | None = None) -> PriceList:
    """The packaged prices, with the user's `own` before them.

    Raises:
        SettingsError: the user's file can't be read or lacks something.
    """
    packaged = _packaged()
    if own is None:
        return packaged
    mine = _read(own)
    return mine.model_copy(update={"models": {**packaged.models, **mine.models}})


def age_warning(model: str, own: Path | None, today: date) -> str | None:
    """A sentence, if the list that a model's price is taken from is older than `OLD_AFTER` days.

    Raises:
        SettingsError: as for `load_prices`.
    """
    price = load_prices(own).find(model)
    source = _packaged()
    if own is not None and _read(own).find(model) == price:
        source = _read(own)
    if price is None or (today - source.date).days <= OLD_AFTER:
        return None
    return (
        f"The price of {model} is of {source.date}, more than {OLD_AFTER} days ago; check it on the provider's page "
        "and name a list of your own with `export CROSS_JUDGE_PRICES=prices.yml` (docs/judging.md shows one)."
    )


def _read(own: Path) -> PriceList:
    """The user's own list."""
    try:
        with depth_told():
            return PriceList.model_validate(yaml.safe_load(read_text(own)))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SettingsError(
            f"CROSS_JUDGE_PRICES names {own.name}, which is no list of prices ({_short(error)}); see docs/judging.md."
        ) from None


@lru_cache(maxsize=1)
def _packaged() -> PriceList:
    text = files("lmms_eval_cross.judge").joinpath("prices.yml").read_text(encoding="utf-8")
    return PriceList.model_validate(yaml.safe_load(text))


def _short(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error).splitlines()[0]
