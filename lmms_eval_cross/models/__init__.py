"""Models that this package adds to lmms-eval."""

from typing import Final

AVAILABLE_MODELS: Final = {"cross_replay": "CrossReplay"}
"""Module and class of each model, as lmms-eval's LMMS_EVAL_PLUGINS reads them."""
