"""`python -m lmms_eval_cross` is `lmms-eval-cross`."""

from lmms_eval_cross.cli import main

if __name__ == "__main__":
    main(prog_name="lmms-eval-cross")
