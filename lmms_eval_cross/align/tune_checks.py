"""What must hold before weights are touched: traps that TRL falls into without a word.

An answer that `max_length` cuts leaves an SFT loss of 0.0 and a DPO loss of 0.6931 for ever; a template may leave
pictures out; an adapter folder may have no processor. Each ends here, in one sentence.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from torch.utils.data import DataLoader
from tqdm import tqdm
from transformers import TrainingArguments

from lmms_eval_cross.align.examples import Kind
from lmms_eval_cross.align.tune_rows import ANSWERS
from lmms_eval_cross.errors import AlignError, SettingsError

if TYPE_CHECKING:
    from datasets import Dataset

ADAPTER: Final = "adapter_config.json"


@dataclass(frozen=True, slots=True)
class Fit:
    """An example as the collator makes it, with nothing cut."""

    example: str
    tokens: int
    """Of the longer text, for a pair."""
    prompt: int
    answers: tuple[int, ...]
    """Tokens that are learnt, an answer each."""
    pictures: int
    picture_tokens: int | None
    """None where the model does not say which token stands for a picture."""
    same_answers: bool


def check_steps(examples: int, batch_size: int, arguments: TrainingArguments) -> None:
    """Refuse a run that ends within its warm-up, whose learning rate begins at 0: few examples teach nothing then.

    Args:
        examples: of the data.
        batch_size: examples of a step, over all processes.
        arguments: TRL's.

    Raises:
        SettingsError: there is no step after the warm-up.
    """
    steps = arguments.max_steps
    if steps <= 0:
        steps = math.ceil(arguments.num_train_epochs * math.ceil(examples / batch_size))
    warmup = arguments.get_warmup_steps(steps)
    if steps <= warmup:
        raise SettingsError(
            f"{examples} example(s) in steps of {batch_size} make {steps} step(s), and {warmup} of warm-up, in which "
            "the learning rate rises from 0: set a smaller batch_size, more num_train_epochs or warmup_steps: 0."
        )


def refuse_adapter(model: str) -> None:
    """Refuse an adapter where a model is wanted.

    Raises:
        SettingsError: `model` is a folder with an adapter.
    """
    if not (Path(model) / ADAPTER).is_file():
        return
    lacks = "" if _has_processor(Path(model)) else ", and it has no processor, so nothing could show it a picture"
    raise SettingsError(
        f"{model} is an adapter and not a model{lacks}: merge it into its base (PEFT's merge_and_unload), save the "
        "base's processor beside it, and name that folder."
    )


def _has_processor(folder: Path) -> bool:
    names = ("processor_config.json", "preprocessor_config.json")
    return any((folder / name).is_file() for name in names)


def check_template(processor: Any, rows: "Dataset", model: str) -> None:
    """Refuse a chat template that says the same with and without the picture.

    Raises:
        SettingsError: the template leaves pictures out, or there is none.
    """
    if not getattr(processor, "chat_template", None):
        raise SettingsError(
            f"{model} has no chat template, so its turns can't be written; take an instruction-tuned model."
        )
    prompt = next((row["prompt"] for row in _with_pictures(rows)), None)
    if prompt is None:
        return
    blind = [{**turn, "content": _texts(turn["content"])} for turn in prompt]
    if _written(processor, prompt) == _written(processor, blind):
        raise SettingsError(
            f"The chat template of {model} leaves pictures out: it writes the same with and without one; take the "
            "template that the model was trained with."
        )


def _with_pictures(rows: "Dataset") -> Iterable[dict[str, Any]]:
    return (row for row in rows if row["images"])


def _texts(content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [block for block in content if block["type"] != "image"]


def _written(processor: Any, prompt: list[dict[str, Any]]) -> str:
    return str(processor.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True))


def measure(collate: Callable[[list[dict[str, Any]]], Any], row: dict[str, Any], picture_token: int | None) -> Fit:
    """What the collator, which must not cut, makes of one row.

    Raises:
        AlignError: the processor refuses the row.
    """
    try:
        batch = collate([dict(row)])
    except ValueError as error:
        raise AlignError(f"Example {row['id']}: the model's processor refuses it: {error}") from error
    learnt = batch["labels"] != -100 if "labels" in batch else batch["completion_mask"].bool()
    tokens = batch["attention_mask"].sum(1)
    answers = learnt.sum(1)
    shown = batch["input_ids"] == picture_token if picture_token is not None else None
    return Fit(
        example=row["id"],
        tokens=int(tokens.max()),
        prompt=int((tokens - answers).max()),
        answers=tuple(answers.tolist()),
        pictures=len(row["images"]),
        picture_tokens=None if shown is None else int(shown.sum(1).min()),
        same_answers=len(answers) > 1 and batch["input_ids"][0].tolist() == batch["input_ids"][1].tolist(),
    )


def check_examples(fits: Iterable[Fit], max_length: int | None, stage: Kind) -> None:
    """Refuse the data on the first example that can't be learnt from; too long ones are counted.

    Raises:
        AlignError: an answer is empty or would be cut, a picture has no place, or a pair has one answer twice.
    """
    too_long = []
    for fit in fits:
        _check_learnable(fit, stage)
        if max_length is not None and fit.tokens > max_length:
            too_long.append(fit)
    if too_long and max_length is not None:
        raise AlignError(_cut(too_long, max_length))


def _check_learnable(fit: Fit, stage: Kind) -> None:
    if 0 in fit.answers:
        name = ANSWERS[stage][fit.answers.index(0)]
        raise AlignError(f"Example {fit.example}: its {name} has no token to learn; drop it or write an answer.")
    if fit.pictures and fit.picture_tokens == 0:
        raise AlignError(f"Example {fit.example}: no token stands for its picture, so the model would not see it.")
    if fit.same_answers:
        raise AlignError(f"Example {fit.example}: chosen and rejected are the same, so there is nothing to prefer.")


def _cut(too_long: list[Fit], max_length: int) -> str:
    longest = max(too_long, key=lambda fit: fit.tokens)
    part = "a picture" if longest.prompt > max_length and longest.pictures else "an answer"
    return (
        f"max_length {max_length} would cut {part} in {len(too_long)} example(s), of which {longest.example} is the "
        f"longest with {longest.tokens} tokens: set trl.max_length to {longest.tokens} or more, or max_pixels to less."
    )


def measured(
    rows: "Dataset", collate: Callable[[list[dict[str, Any]]], Any], picture_token: int | None, workers: int, show: bool
) -> Iterable[Fit]:
    """Every row of this process, measured, in as many workers as training will have."""

    def one(batch: list[dict[str, Any]]) -> Fit:
        return measure(collate, batch[0], picture_token)

    loader = DataLoader(rows, batch_size=1, collate_fn=one, num_workers=workers)
    return tqdm(loader, desc="checking examples", unit="example", disable=not show, leave=False)
