"""`run --rounds N`: lmms-eval once a round, each with a seed and a folder; what is written is not run again."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from lmms_eval_cross.errors import CrossError, SettingsError
from lmms_eval_cross.harness.lmms_eval_arguments import (
    GENERATION,
    MODEL_ARGS,
    OUTPUT,
    SEED,
    option,
    without_option,
)
from lmms_eval_cross.harness.run_command import (
    COMPLETE,
    NO_VERDICT,
    Ending,
    hash_of,
    judge_ending,
    run_lmms_eval,
    that_decide,
)
from lmms_eval_cross.runs.model_under_test import settings_of
from lmms_eval_cross.runs.run_files import load_newest_run
from lmms_eval_cross.runs.run_rounds import begin_rounds, round_folder
from lmms_eval_cross.say import tell
from lmms_eval_cross.settings import load_settings

_SEED_EACH_REQUEST: Final = frozenset({"openai", "openai_compatible", "litellm", "vllm", "cross_api"})
"""Classes that send a `seed` of the generation settings with each request; lmms-eval's --seed does not reach them."""
_RESUMED: Final = ""
"""Stands for the id of a run that ended before."""


def run_rounds(arguments: Sequence[str], chunk: int, rounds: int) -> Ending:
    """Run lmms-eval once a round, into `round-1`, `round-2`, ... below the output folder.

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
    if option(arguments, SEED) is not None or "seed" in settings_of(option(arguments, GENERATION)):
        raise SettingsError("--rounds gives every round a seed of its own; leave yours away.")
    _say_if_deterministic(arguments, rounds)
    folder = Path(option(arguments, OUTPUT) or "runs")
    begin_rounds(folder, rounds, hash_of(that_decide(without_option(arguments, OUTPUT))))
    endings: list[Ending] = []
    for number in range(1, rounds + 1):
        endings.append(_run_round(arguments, chunk, folder, number))
        tell(f"round {number} of {rounds}: {endings[-1].sentence}")
        if not endings[-1].whole:
            break
    return _sum_up(folder, endings, rounds)


def _run_round(arguments: Sequence[str], chunk: int, folder: Path, number: int) -> Ending:
    """Run one round; one that an earlier try wrote is looked at and left as it is."""
    output = round_folder(folder, number)
    if _is_written(output):
        return judge_ending(COMPLETE, output, _RESUMED, load_settings())
    return run_lmms_eval([*_seeded(arguments, number), OUTPUT, str(output)], chunk)


def _is_written(output: Path) -> bool:
    try:
        load_newest_run(output)
    except CrossError:
        return False
    return True


def _seeded(arguments: Sequence[str], seed: int) -> Iterator[str]:
    """The arguments with a round's seed, and without the output folder."""
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
    if option(arguments, "--config") is None and given in (None, "0", "0.0"):
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
