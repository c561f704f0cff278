"""CROSS for lmms-eval: tasks, data, judge and what is done with the verdicts (Qiu et al., arXiv:2505.14972)."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

__version__ = "0.1.0"

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
