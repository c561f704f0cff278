"""The cost of judging tasks, from the prepared data."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import chain

import yaml
from tqdm import tqdm

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.records import Sample
from lmms_eval_cross.benchmark.rubric import Rubric
from lmms_eval_cross.benchmark.splits import GROUPS, SPLITS, tasks_folder
from lmms_eval_cross.cost.answer_costs import AskedModel, answer_table
from lmms_eval_cross.cost.estimate import Lengths, Picture, cost_table, estimate, measure_picture
from lmms_eval_cross.data.images import ImageStore
from lmms_eval_cross.data.prepared import read_samples
from lmms_eval_cross.data.scaled import ScaledImages
from lmms_eval_cross.errors import SettingsError
from lmms_eval_cross.judge.prices import age_warning, load_prices
from lmms_eval_cross.judge.profiles import PROFILES, Profile
from lmms_eval_cross.settings import Settings, load_settings


def print_cost(
    names: Sequence[str],
    profiles: Sequence[str],
    model: str | None,
    lengths: Lengths,
    say: Callable[[str], None],
    asked: AskedModel | None = None,
) -> None:
    """Print the cost of judging one answer to every sample of the named tasks, and that of the answers of `asked`.

    Raises:
        SettingsError: a name is none of our tasks or groups.
        NotPreparedError: the tasks' data are not prepared.
    """
    settings = load_settings()
    prices = load_prices(settings.judge_prices)
    models = [model] if model else [judge.judge_model for judge in settings.judges]
    chosen = [profile for name, profile in PROFILES.items() if not profiles or name in profiles]
    scaled = None
    if any(profile.scaled for profile in chosen):
        scaled = ScaledImages(settings.home / "scaled")
    samples, pictures = _samples_and_pictures(names, settings, scaled)
    if asked is not None:
        say(f"Answers of {asked.name}, {asked.rounds} to each of {len(samples):,} samples:\n")
        of_asked, questions = prices.find(asked.name), [sample for sample, _ in samples]
        say("\n".join(answer_table(asked, questions, pictures, of_asked, lengths.answer)))
        say("\nThinking is counted in full, as `cross_api` allows it; most answers take less.\n")
    for one in models:
        price = prices.find(one)
        estimates = [estimate(profile, samples, pictures, price, lengths) for profile in chosen]
        say(f"Judging one answer to each of {len(samples):,} samples with {one}:\n")
        say("\n".join(cost_table(estimates, prices, one)))
        say("\n" + _assumptions(one, price is not None, str(prices.date), lengths))
    if len(models) > 1:
        say(f"A panel asks all {len(models)} for every answer: their costs add up.")
    if scaled is not None:
        say(_saved(pictures))
    for one in models:
        warning = age_warning(one, settings.judge_prices, date.today())
        if warning is not None:
            say(warning)


def usd_by_sample(
    names: Sequence[str], profile: Profile, model: str, lengths: Lengths
) -> tuple[list[Sample], dict[str, float] | None]:
    """The samples of the named tasks, and by their ids what judging one answer costs; None if the model has no price.

    Raises:
        SettingsError: a name is none of our tasks or groups.
        NotPreparedError: the tasks' data are not prepared.
    """
    settings = load_settings()
    price = load_prices(settings.judge_prices).find(model)
    scaled = ScaledImages(settings.home / "scaled") if profile.scaled else None
    if price is None:
        return [sample for split in _splits(names) for sample in _samples(split)], None
    with_rubrics, pictures = _samples_and_pictures(names, settings, scaled)
    usd: dict[str, float] = {}
    for sample, rubric in with_rubrics:
        usd[sample.sample_id] = estimate(profile, [(sample, rubric)], pictures, price, lengths).usd(price)
    return [sample for sample, _ in with_rubrics], usd


def _splits(names: Sequence[str]) -> list[str]:
    """Those of tasks and groups, in order."""
    splits: set[str] = set()
    for name in names:
        splits.update(SPLITS[task] for task in _tasks(name.strip()))
    return sorted(splits)


def _samples(split: str) -> list[Sample]:
    return read_samples(session.data_to_read(split).parquet(split))


def _samples_and_pictures(
    names: Sequence[str], settings: Settings, scaled: ScaledImages | None
) -> tuple[list[tuple[Sample, Rubric]], dict[str, Picture]]:
    """The samples of tasks and groups with their rubrics, and the distinct pictures by hash."""
    samples: list[tuple[Sample, Rubric]] = []
    pictures: dict[str, Picture] = {}
    for split in _splits(names):
        rubric = session.rubric_for(split, settings)
        of_split = _samples(split)
        samples += [(sample, rubric) for sample in of_split]
        pictures |= _pictures(split, of_split, scaled)
    return samples, pictures


def _assumptions(model: str, priced: bool, day: str, lengths: Lengths) -> str:
    money = f"{model} has no price; CROSS_JUDGE_PRICES can name one."
    if priced:
        money = f"List prices of {day}."
    return (
        f"{money} Assumed: answers of {lengths.answer} tokens, replies of {lengths.reply} a dimension, four bytes of "
        "text to a token, high-detail pictures."
    )


def _saved(pictures: dict[str, Picture]) -> str:
    original = scaled = 0
    for picture in pictures.values():
        original += picture.bytes
        scaled += picture.scaled_bytes
    return (
        f"The {len(pictures)} distinct pictures have {original / 1e6:,.1f} MB; scaled, {scaled / 1e6:,.1f} MB, "
        "with the same tiles."
    )


def _pictures(split: str, samples: Sequence[Sample], scaled: ScaledImages | None) -> dict[str, Picture]:
    """The distinct pictures of a split's samples, measured in two threads; unscaled ones count as their own copies."""
    images: ImageStore = session.data_to_read(split).images
    hashes = sorted({sample.image_sha256 for sample in samples})

    def measure(sha256: str) -> Picture:
        image = copy = images.read(sha256)
        if scaled is not None:
            copy = scaled.read(sha256, images.read)
        return measure_picture(image, copy)

    with ThreadPoolExecutor(2) as threads:
        measured = tqdm(
            threads.map(measure, hashes), "Measuring pictures", len(hashes), unit="image", disable=None, leave=False
        )
        return dict(zip(hashes, measured, strict=True))


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
            return list(chain.from_iterable(map(_tasks, config["task"])))
    raise SettingsError(
        f"--tasks has {name!r}, which is none of our tasks ({', '.join(SPLITS)}) and groups ({', '.join(GROUPS)}); "
        "name some of these."
    )
