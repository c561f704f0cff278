"""CROSS for lmms-eval: tasks, data, judge and what is done with the verdicts (Qiu et al., arXiv:2505.14972)."""

from pathlib import Path

__version__ = "0.1.0"

_CLONE = Path(__file__).resolve().parent.parent
if (_CLONE / "setup.cfg").is_file() and (_CLONE / "tasks").is_dir():
    # Run from a clone, `tasks/` and `utils/` lie beside this folder, not inside it: without this line
    # `python -m lmms_eval` started in the clone would find the package and miss its hooks.
    __path__.append(str(_CLONE))
