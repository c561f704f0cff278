"""CROSS for lmms-eval: tasks, data, judge and what is done with the verdicts (Qiu et al., arXiv:2505.14972)."""

import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lmms_eval_cross.api import (
        CrossError,
        JudgedAnswer,
        JudgeFailure,
        Mean,
        MetricChange,
        Run,
        RunComparison,
        Sample,
        Settings,
        Verdict,
        compare_runs,
        judge_answers,
        load_run,
        load_samples,
    )

__version__ = "0.1.0"
__all__ = [
    "CrossError",
    "JudgeFailure",
    "JudgedAnswer",
    "Mean",
    "MetricChange",
    "Run",
    "RunComparison",
    "Sample",
    "Settings",
    "Verdict",
    "__version__",
    "compare_runs",
    "judge_answers",
    "load_run",
    "load_samples",
]

_HOMES = {
    "CrossError": "errors",
    "JudgeFailure": "benchmark.records",
    "Sample": "benchmark.records",
    "Settings": "settings",
    "Verdict": "benchmark.records",
}
"""Where public names are made that load less than `api`, which has the others."""

_CLONE = Path(__file__).resolve().parent.parent


def _take_in(name: str) -> None:
    """Make a folder beside this one the package `lmms_eval_cross.<name>`, which it is in a wheel."""
    folder = _CLONE / name
    spec = spec_from_file_location(
        f"{__name__}.{name}", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    setattr(sys.modules[__name__], name, module)


if (_CLONE / "setup.cfg").is_file() and (_CLONE / "tasks").is_dir():
    # Run from a clone, `tasks/` and `utils/` lie beside this folder: without this `python -m lmms_eval` started in the
    # clone would find the package and miss its hooks. The clone itself is not put on the package's path, where every
    # module would be found a second time, as `lmms_eval_cross.lmms_eval_cross...`.
    _take_in("tasks")
    _take_in("utils")

if not TYPE_CHECKING:  # a type checker would take any name for one of ours

    def __getattr__(name: str) -> object:
        """A public name, loaded when it is asked for (PEP 562): importing the package imports nothing heavy."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'api')}"), name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
