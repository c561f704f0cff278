"""`python -m` this is `python -m lmms_eval`, with errors recorded from the first import on.

A launcher starts `-m lmms_eval` itself; there our entry point begins to record, after lmms-eval is imported.
"""

from lmms_eval_cross.harness.last_error import record_errors


def main() -> None:
    """Start lmms-eval as its own command does."""
    record_errors()
    from lmms_eval.cli.dispatch import main as lmms_eval

    lmms_eval()


if __name__ == "__main__":
    main()
