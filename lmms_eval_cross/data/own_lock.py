"""The lock that keeps two processes from preparing the same data at once."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from lmms_eval_cross.errors import SettingsError
from lmms_eval_cross.files import open_private


@contextmanager
def own_lock(path: Path) -> Iterator[None]:
    """Hold a lock file of ours, among the processes of all users of its folder.

    Raises:
        SettingsError: a link or another user's file stands in its place.
    """
    try:
        os.close(open_private(path))
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise SettingsError(f"{path.name} is a link, and would lock another file; delete it.") from None
    with FileLock(path):
        yield
