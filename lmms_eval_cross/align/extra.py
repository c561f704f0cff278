"""Training needs the extra `align`; whoever trains asks here first, and imports TRL's users after that."""

from importlib.util import find_spec
from pathlib import Path

from lmms_eval_cross.errors import SettingsError


def require_trl() -> None:
    """See that the extra is there.

    Raises:
        SettingsError: it is not.
    """
    for package in ("torch", "transformers", "trl", "peft"):
        if find_spec(package) is None:
            raise SettingsError(
                f"Training needs {package}, which comes with the extra `align` (Python 3.11 or later); in a clone: "
                "pip install --constraint constraints.txt '.[align]'."
            )


def require_utf8(path: Path) -> None:
    """See that tokenizers can write there.

    Raises:
        SettingsError: the name is no UTF-8.
    """
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError:
        raise SettingsError(f"{path} is no name in UTF-8, which tokenizers needs; name another folder.") from None
