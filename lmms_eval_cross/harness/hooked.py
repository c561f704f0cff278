"""What of lmms-eval is wrapped already, so that nothing is wrapped twice."""

from typing import Any, Final

_MARK: Final = "_hooked_by_lmms_eval_cross"


def is_hooked(target: Any) -> bool:
    """Whether a class or function of lmms-eval is marked as wrapped."""
    return getattr(target, _MARK, False) is True


def mark_hooked(target: Any) -> None:
    """Mark it."""
    setattr(target, _MARK, True)
