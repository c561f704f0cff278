"""`python -m` this is `python -m lmms_eval`, with errors recorded from the first import on.

A launcher starts `-m lmms_eval` itself; there our entry point begins to record, after lmms-eval is imported.
"""

from lmms_eval_cross.harness.last_error import record_errors
from lmms_eval_cross.harness.lmms_eval_parts import lmms_eval_part


def main() -> None:
    """Start lmms-eval as its own command does."""
    record_errors()
    lmms_eval_part("lmms_eval.cli.dispatch:main")()


if __name__ == "__main__":
    main()
