"""Judge what has no verdict yet: a run's samples, or the answers that a crashed run left in the ledger."""

from lmms_eval_cross.rejudge.judge import judge_ledger_run, judge_run

__all__ = ["judge_ledger_run", "judge_run"]
