"""The parts of lmms-eval 0.7.3 that we lean on, each imported when it is asked for.

lmms-eval starts us before it has imported them, and `run` starts it without importing it. `doctor` looks for each.
"""

from pkgutil import resolve_name
from typing import Any, Final, Literal, get_args

Part = Literal[
    "lmms_eval.api.instance",
    "lmms_eval.api.model:lmms",
    "lmms_eval.caching.response_cache:ResponseCache",
    "lmms_eval.cli.dispatch:main",
    "lmms_eval.evaluator",
    "lmms_eval.models.model_utils.usage_metrics:log_usage",
    "lmms_eval.models.registry_v2:ModelManifest",
    "lmms_eval.tasks:TaskManager",
    "lmms_eval.utils:load_yaml_config",
    "lmms_eval.utils:simple_parse_args_string",
]
"""A module, or module and name."""
PARTS: Final[tuple[Part, ...]] = get_args(Part)


def lmms_eval_part(name: Part) -> Any:
    """The module, class or function.

    Raises:
        ImportError, AttributeError: this lmms-eval has none of that name.
    """
    return resolve_name(name)
