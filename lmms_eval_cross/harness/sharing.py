"""CROSS has no licence, so its texts and pictures are not ours to publish, nor, unasked, our users'."""

from collections.abc import Collection
from typing import Any

from lmms_eval_cross.benchmark.splits import DEMO
from lmms_eval_cross.errors import SettingsError
from lmms_eval_cross.harness.lmms_eval_parts import lmms_eval_part
from lmms_eval_cross.settings import load_settings


def refuse_sharing(typed: Any, splits: Collection[str]) -> None:
    """Refuse what would hand samples of CROSS to the Hub or to Weights & Biases; means may go there.

    Args:
        typed: lmms-eval's own arguments, as parsed.
        splits: of the selected tasks; the demo's scenes are ours.

    Raises:
        SettingsError: samples would leave, and CROSS_SHARE_SAMPLES does not allow it.
    """
    option = _sharing_option(typed)
    if option and set(splits) - {DEMO} and load_settings().share_samples == "no":
        raise SettingsError(
            f"{option} uploads every sample, and CROSS, which has no licence, may not be published; leave it away: "
            "means are logged without it; or set CROSS_SHARE_SAMPLES=yes for a place that only your team can read."
        )


def _sharing_option(typed: Any) -> str:
    """The option that uploads samples, empty if none does."""
    if getattr(typed, "wandb_log_samples", False):
        return "--wandb_log_samples"
    parse = lmms_eval_part("lmms_eval.utils:simple_parse_args_string")
    if parse(getattr(typed, "hf_hub_log_args", None) or "").get("push_samples_to_hub"):
        return "--hf_hub_log_args push_samples_to_hub"
    return ""
