"""`run --rounds N`: lmms-eval once for all rounds, each with a seed and a folder; what is written is not run again."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from lmms_eval_cross.errors import CrossError, SettingsError
from lmms_eval_cross.files import write_text
from lmms_eval_cross.harness.kept_answers import CHUNK, FOLDER, any_kept, claimed
from lmms_eval_cross.harness.known_bad import refuse_known_bad
from lmms_eval_cross.harness.lmms_eval_arguments import (
    CONFIG,
    GENERATION,
    MODEL_ARGS,
    OUTPUT,
    SEED,
    option,
    refuse_commas,
    without_option,
)
from lmms_eval_cross.harness.rounds_of_process import ROUNDS
from lmms_eval_cross.harness.run_command import (
    COMPLETE,
    NO_VERDICT,
    RUN_ID,
    Ending,
    forget_answers,
    fresh_folder,
    hash_of,
    judge_ending,
    launched,
    new_run_id,
    remove_empty,
    run_to_the_end,
    that_decide,
)
from lmms_eval_cross.outside import depth_told, read_text
from lmms_eval_cross.runs.model_under_test import settings_of
from lmms_eval_cross.runs.run_files import load_newest_run
from lmms_eval_cross.runs.run_rounds import ROUND, begin_rounds, round_folder
from lmms_eval_cross.say import tell
from lmms_eval_cross.settings import load_settings

_SEED_EACH_REQUEST: Final = frozenset({"openai", "openai_compatible", "litellm", "vllm", "cross_api"})
"""Classes that send a `seed` of the generation settings with each request; lmms-eval's --seed does not reach them."""
_EVALUATIONS: Final = "evaluations.json"
"""Lies beside the rounds; lmms-eval reads it as its --config."""
_SEEDS: Final = 4
"""Of random, NumPy, torch and few-shot examples, as --seed has them."""


@dataclass(frozen=True, slots=True)
class RoundToMake:
    """A round that is to be made."""

    number: int
    output: Path
    """A folder of its own, in that of the round."""
    answers: Path
    """Where its answers are kept for a next try."""
    run_id: str

    @property
    def variables(self) -> dict[str, str]:
        """What the environment says while it is made."""
        return {RUN_ID: self.run_id, FOLDER: str(self.answers), ROUND: str(self.number)}


def run_rounds(arguments: Sequence[str], chunk: int, rounds: int) -> Ending:
    """Run lmms-eval once for all rounds that are missing, into `round-1`, `round-2`, ... below the output folder.

    Args:
        arguments: as for `run_lmms_eval`, without a seed.
        chunk: likewise.
        rounds: how many.

    Returns:
        How the rounds ended: the first that did not end with a whole run ends them all.

    Raises:
        SettingsError: there is a seed already, or as for `run_lmms_eval`.
        RunError: the output folder holds something else.
    """
    refuse_known_bad()
    refuse_commas(arguments)
    evaluation = _evaluation(arguments)
    _refuse_seed(arguments, evaluation)
    _say_if_deterministic(arguments, rounds)
    folder = Path(option(arguments, OUTPUT) or evaluation.get("output_path") or "runs")
    begin_rounds(folder, rounds, hash_of(that_decide(without_option(arguments, OUTPUT))))
    numbers = [number for number in range(1, rounds + 1) if not _is_written(round_folder(folder, number))]
    made = _run_missing(arguments, evaluation, chunk, folder, numbers) if numbers else {}
    endings: list[Ending] = []
    for number in range(1, rounds + 1):
        endings.append(made.get(number) or judge_ending(COMPLETE, round_folder(folder, number), "", load_settings()))
        tell(f"round {number} of {rounds}: {endings[-1].sentence}")
        if not endings[-1].whole:
            break
    return _sum_up(folder, endings, rounds)


def _evaluation(arguments: Sequence[str]) -> dict[str, Any]:
    """What the user's --config asks for, empty without one.

    Raises:
        SettingsError: it can't be read, or asks for several evaluations.
    """
    file = option(arguments, CONFIG)
    if file is None:
        return {}
    try:
        with depth_told():
            content = yaml.safe_load(read_text(Path(file)))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SettingsError(f"{CONFIG} {file} can't be read ({str(error)[:200]}); give another.") from None
    entries = content if isinstance(content, list) else [content]
    if len(entries) != 1 or not isinstance(entries[0], dict):
        raise SettingsError(f"{CONFIG} {file} holds {len(entries)} evaluations, and --rounds makes rounds of one.")
    return dict(entries[0])


def _refuse_seed(arguments: Sequence[str], evaluation: Mapping[str, Any]) -> None:
    generation = settings_of(option(arguments, GENERATION) or evaluation.get("gen_kwargs"))
    if option(arguments, SEED) is not None or "seed" in evaluation or "seed" in generation:
        raise SettingsError("--rounds gives every round a seed of its own; leave yours away.")


def _run_missing(
    arguments: Sequence[str], evaluation: Mapping[str, Any], chunk: int, folder: Path, numbers: Sequence[int]
) -> dict[int, Ending]:
    """Run lmms-eval on a --config with an evaluation a round; how each round ended."""
    with ExitStack() as stack:
        rounds = [stack.enter_context(_begun(arguments, folder, number)) for number in numbers]
        config = [_of_round(arguments, evaluation, one) for one in rounds]
        write_text(folder / _EVALUATIONS, json.dumps(config, indent=1) + "\n")
        started = launched([*_shared(arguments), CONFIG, str(folder / _EVALUATIONS)])
        variables = {str(one.output): one.variables for one in rounds}
        status, error = run_to_the_end(started, {CHUNK: str(chunk), ROUNDS: json.dumps(variables)})
        endings: dict[int, Ending] = {}
        for one in rounds:
            endings[one.number] = _ending(one, status, error, is_last=one is rounds[-1])
            remove_empty([one.output, round_folder(folder, one.number)])
            forget_answers(one.answers, endings[one.number])
    return endings


@contextmanager
def _begun(arguments: Sequence[str], folder: Path, number: int) -> Iterator[RoundToMake]:
    """A round with folders of its own."""
    answers, wanted = load_settings().home / "answers", round_folder(folder, number)
    others = that_decide(list(_seeded(arguments, number)))
    with claimed(answers, hash_of([str(wanted.resolve()), *others]), answers / hash_of(others)) as kept:
        yield RoundToMake(number, fresh_folder(wanted), kept, new_run_id())


def _ending(one: RoundToMake, status: int, error: str | None, is_last: bool) -> Ending:
    """How a round ended; what its process died of is no matter of a round that was written before."""
    if _is_written(one.output) and not is_last:
        status, error = COMPLETE, None
    return judge_ending(status, one.output, one.run_id, load_settings(), error, any_kept(one.answers))


def _of_round(arguments: Sequence[str], evaluation: Mapping[str, Any], one: RoundToMake) -> dict[str, Any]:
    """The entry of lmms-eval's --config for a round."""
    entry = {**evaluation, "seed": [one.number] * _SEEDS, "output_path": str(one.output)}
    generation = option(arguments, GENERATION) or evaluation.get("gen_kwargs")
    if _takes_seeds(arguments, evaluation):
        generation = ",".join(filter(None, (generation, f"seed={one.number}")))
    if generation:
        entry["gen_kwargs"] = generation
    return entry


def _takes_seeds(arguments: Sequence[str], evaluation: Mapping[str, Any]) -> bool:
    return (option(arguments, "--model") or evaluation.get("model")) in _SEED_EACH_REQUEST


def _shared(arguments: Sequence[str]) -> list[str]:
    """The arguments that all rounds have."""
    for name in (OUTPUT, GENERATION, CONFIG):
        arguments = without_option(arguments, name)
    return list(arguments)


def _is_written(output: Path) -> bool:
    try:
        load_newest_run(output)
    except CrossError:
        return False
    return True


def _seeded(arguments: Sequence[str], seed: int) -> Iterator[str]:
    """The arguments with a round's seed, and without the output folder; by these its kept answers are named."""
    others = without_option(arguments, OUTPUT)
    if option(arguments, "--model") not in _SEED_EACH_REQUEST:
        yield from others
    else:
        yield from without_option(others, GENERATION)
        yield from (GENERATION, ",".join(filter(None, (option(arguments, GENERATION), f"seed={seed}"))))
    yield from (SEED, str(seed))


def _say_if_deterministic(arguments: Sequence[str], rounds: int) -> None:
    """At temperature 0, which our tasks ask for, rounds tell nothing that one run does not."""
    given = settings_of(option(arguments, GENERATION)).get("temperature")
    if option(arguments, "--model") == "cross_api":  # which sends the provider no temperature unless it is told one
        given = settings_of(option(arguments, MODEL_ARGS)).get("temperature", given or "")
    if option(arguments, CONFIG) is None and given in (None, "0", "0.0"):
        tell(
            f"at temperature 0 the {rounds} rounds of a deterministic model are one round; give --gen_kwargs "
            "temperature=... for rounds that differ."
        )


def _sum_up(folder: Path, endings: Sequence[Ending], rounds: int) -> Ending:
    """How the rounds ended together."""
    failed = [ending for ending in endings if ending.exit_code != COMPLETE]
    if not failed:
        return Ending(COMPLETE, f"{folder} holds {rounds} complete rounds.", whole=True)
    if len(endings) == rounds and endings[-1].whole:
        said = f"{folder} holds {rounds} rounds, of which {len(failed)} are incomplete; the first: {failed[0].sentence}"
        return Ending(NO_VERDICT, said, whole=True)
    said = f"Of {rounds} rounds in {folder} number {len(endings)} has no run; {endings[-1].sentence}"
    return Ending(endings[-1].exit_code, said)
