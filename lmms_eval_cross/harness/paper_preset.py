"""`run --preset paper`: what the paper's protocol fixes, and what it leaves to the user is asked for.

Three rounds, the official judge profile, and of temperature and tokens only what the released generation scripts set:
nothing. So no temperature is filled in, neither the 0 of our tasks nor a class's own, and no limit of tokens.
"""

import os
from collections.abc import Sequence
from typing import Final

from lmms_eval_cross.errors import SettingsError
from lmms_eval_cross.harness.lmms_eval_arguments import GENERATION, MODEL_ARGS, option
from lmms_eval_cross.runs.model_under_test import settings_of
from lmms_eval_cross.settings import load_settings

ROUNDS: Final = 3
_PROFILE: Final = "CROSS_JUDGE_PROFILE"


def paper_rounds(arguments: Sequence[str], rounds: int | None) -> int:
    """The rounds of a run by the paper's protocol.

    Args:
        arguments: lmms-eval's.
        rounds: what `--rounds` says.

    Raises:
        SettingsError: something differs from the protocol, or is not said and can't be taken from it.
    """
    if rounds not in (None, ROUNDS):
        raise SettingsError(f"--rounds is {rounds}, and the paper has {ROUNDS}; leave it away, or the preset.")
    if load_settings().judge_profile != "official":
        raise SettingsError(
            f"{_PROFILE} is {os.environ.get(_PROFILE)}, and the paper's judge is asked as released; unset it, or leave "
            "--preset paper away."
        )
    _refuse_unsaid(arguments)
    return ROUNDS


def _refuse_unsaid(arguments: Sequence[str]) -> None:
    """The release says neither, so that whatever is filled in would be ours."""
    model, generation = settings_of(option(arguments, MODEL_ARGS)), settings_of(option(arguments, GENERATION))
    said = model.keys() | generation.keys()
    if "max_new_tokens" not in said:
        raise SettingsError(
            "--preset paper does not say how long answers may be, as the release does not; add "
            f"{GENERATION} max_new_tokens=N, and what you chose will stand in the results."
        )
    if option(arguments, "--model") != "cross_api" and "temperature" not in said:
        raise SettingsError(
            "--preset paper sets no temperature, as the release sets none, and lmms-eval would send our tasks' 0; add "
            f"{GENERATION} temperature=..., or ask with --model cross_api, which sends none."
        )
