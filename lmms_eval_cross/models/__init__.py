"""Models that this package adds to lmms-eval."""

from typing import Final

API_CLASS: Final = "CrossApi"
AVAILABLE_MODELS: Final = {"cross_replay": "CrossReplay", "cross_api": API_CLASS}
"""Module and class of each model, as lmms-eval's LMMS_EVAL_PLUGINS reads them."""
ROUND_OF_REQUEST: Final = "round"
"""In the metadata of a request that --repeats has lmms-eval ask again: which time it is, counted from 1."""
