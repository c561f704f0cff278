"""The cost of judging tasks, from the prepared data."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow.parquet as pq
import yaml

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.records import Sample
from lmms_eval_cross.benchmark.splits import GROUPS, SPLITS, tasks_folder
from lmms_eval_cross.cost.estimate import Lengths, Picture, cost_table, estimate, measure_picture
from lmms_eval_cross.data.images import ImageStore
from lmms_eval_cross.data.scaled import ScaledImages
from lmms_eval_cross.errors import SettingsError
from lmms_eval_cross.judge.prices import load_prices
from lmms_eval_cross.judge.profiles import PROFILES
from lmms_eval_cross.settings import load_settings


def print_cost(
    names: Sequence[str], profiles: Sequence[str], model: str | None, lengths: Lengths, say: Callable[[str], None]
) -> None:
    """Print the cost of judging one answer to every sample of the named tasks.

    Raises:
        SettingsError: a name is none of our tasks or groups.
        NotPreparedError: the tasks' data are not prepared.
    """
    settings = load_settings()
    prices, model = load_prices(settings.judge_prices), model or settings.judge_model
    chosen = [profile for name, profile in PROFILES.items() if not profiles or name in profiles]
    splits = sorted({SPLITS[task] for name in names for task in _tasks(name.strip())})
    samples = [(sample, session.rubric_for(split, settings)) for split in splits for sample in _samples(split)]
    scaled = ScaledImages(settings.home / "scaled") if any(profile.scaled for profile in chosen) else None
    pictures = {sha: picture for split in splits for sha, picture in _pictures(split, scaled)}
    estimates = [estimate(profile, samples, pictures, prices.find(model), lengths) for profile in chosen]
    say(f"Judging one answer to each of {len(samples):,} samples with {model}:\n")
    say("\n".join(cost_table(estimates, prices, model)))
    say("\n" + _assumptions(model, prices.find(model) is not None, str(prices.date), lengths))
    if scaled:
        say(_saved(pictures))


def _assumptions(model: str, priced: bool, date: str, lengths: Lengths) -> str:
    money = f"List prices of {date}." if priced else f"{model} has no price; CROSS_JUDGE_PRICES can name one."
    return (
        f"{money} Assumed: answers of {lengths.answer} tokens, replies of {lengths.reply} a dimension, four bytes of "
        "text to a token, high-detail pictures."
    )


def _saved(pictures: dict[str, Picture]) -> str:
    original = sum(picture.bytes for picture in pictures.values())
    scaled = sum(picture.scaled_bytes for picture in pictures.values())
    return (
        f"The {len(pictures)} distinct pictures have {original / 1e6:,.1f} MB; scaled, {scaled / 1e6:,.1f} MB, "
        "with the same tiles."
    )


def _samples(split: str) -> Iterator[Sample]:
    rows: list[dict[str, Any]] = pq.read_table(session.data_for(split).parquet(split)).to_pylist()
    return (Sample.from_row(row) for row in rows)


def _pictures(split: str, scaled: ScaledImages | None) -> list[tuple[str, Picture]]:
    """The split's distinct pictures, measured in two threads."""
    images: ImageStore = session.data_for(split).images
    hashes = sorted({sample.image_sha256 for sample in _samples(split)})

    def measure(sha256: str) -> tuple[str, Picture]:
        copy = (lambda: scaled.read(sha256, images.read)) if scaled else None
        return sha256, measure_picture(images.read(sha256), copy)

    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(measure, hashes))


class _Loader(yaml.SafeLoader):
    """Reads our task files and passes over what `!function` names."""


_Loader.add_constructor("!function", lambda loader, node: None)


def _tasks(name: str) -> list[str]:
    """The tasks of a task's or group's name."""
    if name in SPLITS:
        return [name]
    for path in tasks_folder().glob("*.yaml"):
        config = yaml.load(path.read_text(encoding="utf-8"), _Loader)
        if config.get("group") == name:
            return [task for member in config["task"] for task in _tasks(member)]
    raise SettingsError(
        f"--tasks has {name!r}, which is none of our tasks ({', '.join(SPLITS)}) and groups ({', '.join(GROUPS)}); "
        "name some of these."
    )
