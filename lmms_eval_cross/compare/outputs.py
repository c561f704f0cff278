"""The files that a comparison is written to."""

from collections.abc import Mapping
from pathlib import Path

from lmms_eval_cross.data.source import write_text
from lmms_eval_cross.errors import SettingsError


def save(texts: Mapping[Path, str]) -> None:
    """Write texts to their files, each whole or not at all.

    Raises:
        SettingsError: a file can't be written.
    """
    for path, text in texts.items():
        try:
            write_text(path, text)
        except OSError as error:
            raise SettingsError(f"{path} can't be written ({error.strerror}); name another file.") from None
