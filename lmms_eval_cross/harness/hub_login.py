"""Whether the Hugging Face Hub knows the user, where a task wants it to."""

from huggingface_hub import constants, get_token

from lmms_eval_cross.errors import SettingsError


def check_hub_login() -> None:
    """Check that the Hugging Face Hub knows the user: lmms-eval's MMBench is loaded with `token: True`.

    Raises:
        SettingsError: there is no token, and the Hub is to be asked.
    """
    if not constants.HF_HUB_OFFLINE and get_token() is None:
        raise SettingsError(
            "cross_capability holds mmbench_en_dev_static, which lmms-eval loads with a login to the Hugging Face Hub, "
            "and there is none; type `hf auth login`, or run cross_english,mmmu_val instead."
        )
