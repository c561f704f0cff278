"""Files written whole or not at all, in places that nobody else can prepare, and what is said when they can't be.

Folders may be shared (/tmp, a group's disk). So a passing file has a name that nobody can know in advance and is made
anew (O_EXCL), a lock is never opened through a link, and folders that we make are their owner's alone.
"""

import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, Literal

from lmms_eval_cross.errors import SettingsError

_CHUNK: Final = 1 << 20
_NEW: Final = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0)


def write_text(path: Path, text: str) -> None:
    """Write a file that the user named, whole or not at all.

    Raises:
        SettingsError: it can't be written.
    """
    with unwritable_told(path):
        write_whole(path, text)


@contextmanager
def unwritable_told(path: Path) -> Iterator[None]:
    """Say in a sentence that what the user named can't be written."""
    try:
        yield
    except OSError as error:
        why = error.strerror or error
        raise SettingsError(f"{path} can't be written ({why}); name another place.") from None


def write_whole(path: Path, text: str, errors: Literal["strict", "replace"] = "strict") -> None:
    """Write a file whole or not at all; `errors` is what becomes of half a character, which UTF-8 can't write."""
    with writing_whole(path, "w", encoding="utf-8", errors=errors) as file:
        file.write(text)


@contextmanager
def writing_whole(path: Path, mode: Literal["w", "wb"], **options: Any) -> Iterator[IO[Any]]:
    """A file to write that takes its name when all of it is written, and leaves nothing if that fails."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(errno.EINVAL, "it is a device or a pipe", str(path))  # in whose place root could put a file
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = unguessable(path)
    # 0666 less the umask, as for any file: this one is for the user to share
    descriptor = os.open(partial, _NEW, 0o666)
    try:
        with os.fdopen(descriptor, mode, **options) as file:
            yield file
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def unguessable(path: Path) -> Path:
    """A name beside `path` that nobody knows in advance."""
    return path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}")


@contextmanager
def building_folder(beside: Path) -> Iterator[Path]:
    """A new folder of our own to build something in, gone at the end unless it was renamed."""
    folder = unguessable(beside)
    private_folder(folder.parent)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def private_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing; new ones are their owner's alone."""
    if not folder.parent.exists():
        private_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def open_private(path: Path) -> int:
    """A descriptor of a file of ours to read and write, made if new (0600), and never reached through a link.

    Raises:
        OSError: it can't be opened, or is a link.
        SettingsError: it is another user's.
    """
    private_folder(path.parent)
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NONBLOCK | getattr(os, "O_NOFOLLOW", 0), 0o600)
    owner = os.fstat(descriptor).st_uid
    if owner != os.geteuid():
        os.close(descriptor)
        raise SettingsError(_of_another(path, owner))
    return descriptor


def check_owner(path: Path) -> None:
    """Refuse a file that another user put there, or the link to it.

    Raises:
        SettingsError: it is another user's.
    """
    owners = [path.lstat().st_uid]
    if path.exists():
        owners.append(path.stat().st_uid)
    for owner in owners:
        if owner != os.geteuid():
            raise SettingsError(_of_another(path, owner))


def _of_another(path: Path, owner: int) -> str:
    return (
        f"{path.name} belongs to another user (uid {owner}), who could have put anything into it; move it away, give "
        "it to yourself with chown, or set CROSS_HOME to a folder of your own."
    )


def with_home(path: str | Path) -> Path:
    """The path with a home folder for `~`; the home of nobody stays as it is, for which `Path.expanduser` raises."""
    return Path(os.path.expanduser(path))


def without_home(path: str | Path) -> str:
    """A path as others may read it: from the folder that we are in, or from `~`; of any other its last part alone."""
    place = Path(os.path.abspath(with_home(path)))
    bases = {Path.cwd(): "", with_home("~"): "~/"}
    for base in sorted(bases, key=lambda base: len(base.parts), reverse=True):
        if place.is_relative_to(base):
            return f"{bases[base]}{place.relative_to(base).as_posix()}"
    return place.name


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
