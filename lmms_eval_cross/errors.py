"""Every error that a user can meet.

CrossError              one sentence: the value, the rule, the next step; exit code 2
├── SettingsError       a CROSS_* variable or a command-line value
├── VersionError        a package is installed in a version that is known not to work
├── SourceError         the copy of CROSS can't be reached or lacks a file
├── DataError           a record or an image breaks the format of the release
├── NotPreparedError    no prepared data where a task looks for them
├── RubricError         `code/evaluation.py` has another shape than the released one
├── JudgeSetupError     the judge can't be used as it is set up
├── LedgerError         the ledger can't be opened, read or written
│   ├── EntryError      one entry can't be written, and no other is in its way
│   └── AwayError       the server of a team's ledger can't do what it should at the moment
├── RunError            a run folder or samples file that can't be read or compared
├── AnchorError         an anchor file that can't be read, or does not fit what is asked of it
├── LabelError          human labels that can't be read, or are too few or of another judge
│   ├── NoLabelsError   no answer is labelled in the annotators' files
│   └── TooFewLabelsError  on one dimension; the others can be corrected
├── AlignError          training data that can't be read, made, exported or trusted
├── TuneError           training has begun and can't teach anything
├── GenerationError     the model under test gave answers that don't fit what it was asked
└── ReplayError         the responses that `cross_replay` was given

Anything else that is raised is a bug and keeps its traceback.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from lmms_eval_cross.say import tell

_ENDLESS: Final = re.compile(r"(\S{700})\S{300,}(\S{300})")
"""What no name, path or number is: a value without a space and, in practice, without an end."""


class CrossError(Exception):
    """A problem that the user can solve, said in one sentence."""

    exit_code = 2

    def __str__(self) -> str:
        return _ENDLESS.sub(r"\1[...]\2", super().__str__())


class SettingsError(CrossError):
    """A setting has a value that it can't have."""


class VersionError(CrossError):
    """A package is installed in a version that is known not to work."""


class SourceError(CrossError):
    """The user's copy of CROSS can't be reached or lacks a file."""


class DataError(CrossError):
    """A record or an image breaks the format of the release."""


class NotPreparedError(CrossError):
    """There are no prepared data where a task looks for them."""


class RubricError(CrossError):
    """The judge's prompts can't be read from the file that holds them."""


class JudgeSetupError(CrossError):
    """The judge can't be used as it is set up: key, address or model."""


class LedgerError(CrossError):
    """The ledger can't be opened, read or written."""


class EntryError(LedgerError):
    """One entry can't be written, ever; others can."""


class AwayError(LedgerError):
    """The server of a team's ledger can't be asked or written at the moment; that may pass."""


class RunError(CrossError):
    """A run folder or samples file can't be read, or does not fit what is asked of it."""


class AnchorError(CrossError):
    """An anchor file can't be read, or does not fit what is asked of it."""


class LabelError(CrossError):
    """Human labels can't be read, are too few, or are of another judge."""


class NoLabelsError(LabelError):
    """No answer is labelled in the annotators' files."""


class TooFewLabelsError(LabelError):
    """A dimension has too few labels of 1 or of 0, or they tell nothing of the judge."""


class AlignError(CrossError):
    """Training data can't be read, made, exported or trusted."""


class TuneError(CrossError):
    """Training has begun and can't teach anything, or not what it should."""


class GenerationError(CrossError):
    """The model under test gave answers that don't fit what it was asked."""


class ReplayError(CrossError):
    """The recorded responses don't fit the task that asks for them."""


def listing(names: list[str], most: int = 20) -> str:
    """`names` as a comma-separated list, cut after `most` with a count of the rest."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


@contextmanager
def ending_with_a_sentence() -> Iterator[None]:
    """End the process on a CrossError: lmms-eval would bury an exception in its own words, and exit with 0."""
    try:
        yield
    except CrossError as error:
        tell(error)
        raise SystemExit(error.exit_code) from None
