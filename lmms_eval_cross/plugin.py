"""The entry point's old place: a clone that was installed before `harness/` came names it until it is reinstalled."""

from lmms_eval_cross.harness.plugin import register

__all__ = ["register"]
