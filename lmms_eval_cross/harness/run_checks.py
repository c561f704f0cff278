"""What lmms-eval is asked for, by its own parsed arguments, is checked before it makes a model."""

import functools
import inspect
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.splits import CAPABILITY, GROUPS
from lmms_eval_cross.errors import SettingsError, ending_with_a_sentence
from lmms_eval_cross.harness import preflight
from lmms_eval_cross.harness.cache_hook import hook_cache
from lmms_eval_cross.harness.generation_hook import OUR_TASKS, hook_generation
from lmms_eval_cross.harness.hooked import is_hooked, mark_hooked
from lmms_eval_cross.harness.hub_login import check_hub_login
from lmms_eval_cross.harness.lmms_eval_parts import lmms_eval_part
from lmms_eval_cross.harness.reasoning_tags import use_tags_of_the_command_line
from lmms_eval_cross.harness.results_files import agreement_metadata, agreement_metrics
from lmms_eval_cross.harness.rounds_of_process import in_round
from lmms_eval_cross.harness.run_note import note_of_arguments
from lmms_eval_cross.harness.run_of_ranks import agree_on_run
from lmms_eval_cross.harness.selection import Selection, read_selection
from lmms_eval_cross.harness.sharing import refuse_sharing
from lmms_eval_cross.runs.panel_votes import agreement_by_dimension
from lmms_eval_cross.runs.record_rounds import records_of
from lmms_eval_cross.runs.run_rounds import round_in_progress
from lmms_eval_cross.runs.sample_record import RECORD, read_record
from lmms_eval_cross.say import say, tell

_checked: Final[set[Selection]] = set()
"""What the command line selects and is checked already."""


def hook_run() -> None:
    """Wrap what runs a model; called when lmms-eval is imported as a whole."""
    try:
        hook_generation()
        hook_evaluation()
    except (ImportError, AttributeError) as error:
        say(
            f"lmms-eval-cross can't look after answers and arguments in this lmms-eval ({error}): a crash costs all "
            "answers, and what is wrong shows late.",
            err=True,
        )


def hook_evaluation() -> None:
    """Wrap the function that lmms-eval's command line calls with all its arguments, before it makes the model.

    Raises:
        ImportError, AttributeError: lmms-eval's inside is not what it was; nothing is wrapped then.
    """
    evaluator = lmms_eval_part("lmms_eval.evaluator")
    evaluate = evaluator.simple_evaluate
    if not is_hooked(evaluate):
        evaluator.simple_evaluate = _checking_its_arguments(evaluate)


def _checking_its_arguments(evaluate: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(evaluate)

    @functools.wraps(evaluate)
    def simple_evaluate(*args: Any, **kwargs: Any) -> Any:
        asked = signature.bind(*args, **kwargs)
        asked.apply_defaults()
        typed = asked.arguments.get("cli_args")
        with in_round(getattr(typed, "output_path", None)):
            session.announce(note_of_arguments(asked.arguments))
            if typed is not None:
                with ending_with_a_sentence():
                    check_command_line(asked.arguments)
            return with_agreement(without_empty_record(evaluate(*args, **kwargs)))

    mark_hooked(simple_evaluate)
    return simple_evaluate


def check_command_line(asked: Mapping[str, Any]) -> None:
    """Check what a run needs if one of our tasks is selected.

    Args:
        asked: the arguments of lmms-eval's `simple_evaluate`.

    Raises:
        CrossError: the first thing that is wrong.
    """
    if CAPABILITY in asked["tasks"]:
        check_hub_login()
    selection = read_selection(asked["task_manager"].task_index, asked["tasks"])
    if not selection.tasks:
        return
    _refuse_chat_template(asked["apply_chat_template"])
    _check_repeats(asked, selection)
    refuse_sharing(asked["cli_args"], selection.splits)
    if asked["use_cache"] is not None:
        hook_cache()
    use_tags_of_the_command_line(asked["cli_args"].reasoning_tags)
    OUR_TASKS.update(selection.tasks)
    agree_on_run()
    preflight.check(selection.splits, judged=not asked["predict_only"])
    _checked.add(selection)


def check_loaded(index: Mapping[str, Mapping[str, Any]], loaded: Iterable[Any]) -> None:
    """The same for tasks that are loaded, unless the command line's have been checked already.

    Whether a program that loads tasks only collects answers is not known here, so that a judge is needed.

    Raises:
        CrossError: the first thing that is wrong.
    """
    selection = read_selection(index, loaded)
    if selection.tasks and selection not in _checked:
        OUR_TASKS.update(selection.tasks)
        agree_on_run()
        preflight.check(selection.splits)


def refuse_groups_by_pattern(patterns: Iterable[Any], selected: Collection[str]) -> None:
    """Nothing, unless a pattern selects our groups beside their tasks, which lmms-eval refuses after loading a model.

    Raises:
        SettingsError: it does.
    """
    groups = sorted({*GROUPS, CAPABILITY} & set(selected))
    for pattern in patterns:
        if isinstance(pattern, str) and "*" in pattern and groups:
            raise SettingsError(
                f"--tasks {pattern} selects groups beside the tasks in them ({', '.join(groups)}), and no task can run "
                "twice; type `--tasks cross` for all of CROSS, or name what shall run."
            )


def _refuse_chat_template(apply_chat_template: bool) -> None:
    if apply_chat_template:
        raise SettingsError(
            "--apply_chat_template is for text models, and lmms-eval's multimodal classes fail on it once the model is "
            "loaded; leave it away: they apply their model's own template without it."
        )


def _check_repeats(asked: Mapping[str, Any], selection: Selection) -> None:
    """Say how --repeats are seeded; refuse them where all answers but one would be lost, or rounds are made already."""
    repeats = asked["repeats"]
    if repeats < 2:
        return
    if selection.of_one_answer:
        raise SettingsError(
            f"--repeats is {repeats}, and the filters of {', '.join(sorted(selection.of_one_answer))} hand over one "
            "answer alone; put lmms_eval_cross.utils.answers.AllRounds in place of take_first, or type "
            f"`lmms-eval-cross run --rounds {repeats} -- ...`."
        )
    if round_in_progress() is not None:
        raise SettingsError("--rounds and --repeats both make rounds; leave one of them away.")
    if os.environ.get("RANK", "0") == "0":
        seeds = ", ".join(str(asked[f"{name}_seed"]) for name in ("random", "numpy_random", "torch_random"))
        tell(
            f"--repeats {repeats}: lmms-eval seeds all rounds once ({seeds} for random, NumPy and torch); "
            "`lmms-eval-cross run --rounds` gives each a seed of its own."
        )


def with_agreement(results: Any) -> Any:
    """The results, where a panel judged and samples are logged, with its members' agreement beside the means."""
    for task, rows in ((results or {}).get("samples") or {}).items():
        records = list(chain.from_iterable(records_of(row[RECORD]) for row in rows if RECORD in row))
        if records and records[0]["provenance"]["judge"] == "panel":
            outcomes = [read_record(record).outcomes for record in records]
            agreement = agreement_by_dimension(outcomes, [record["norm_id"] for record in records])
            results["results"][task] |= agreement_metrics(agreement)
            results["configs"][task]["metadata"] |= agreement_metadata(agreement)
    return results


def without_empty_record(results: Any) -> Any:
    """The results less the key of our sample record, an empty list in place of a number: --wandb_args breaks on it."""
    entries: Sequence[dict[str, Any]] = list(((results or {}).get("results") or {}).values())
    for entry in entries:
        for key in list(entry):
            if key.partition(",")[0] in (RECORD, f"{RECORD}_stderr"):
                del entry[key]
    return results
