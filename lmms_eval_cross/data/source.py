"""Where a copy of CROSS comes from: a folder in the official layout, or the same files over HTTP."""

import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import quote

import httpx2
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential, wait_random
from tenacity.wait import wait_base
from tqdm import tqdm

from lmms_eval_cross.data.limited_body import EndlessBodyError, limited
from lmms_eval_cross.errors import SourceError
from lmms_eval_cross.files import file_sha256, private_folder, with_home, write_whole, writing_whole
from lmms_eval_cross.outside import parse_json, read_text

PARALLEL_DOWNLOADS: Final = 8
TRIES: Final = 5
WAIT: wait_base = wait_exponential(multiplier=0.5, max=20) + wait_random(0, 1)
"""Between the tries of one file, in seconds."""
_READ_FROM: Final = ("data/*/*.json", "images/*/*", "code/*.py")
MANIFEST: Final = "manifest.json"
FORMAT: Final = "cross-data/1"
"""Part of every fingerprint: data that another format was written in are prepared again."""


class Source(Protocol):
    """Gives files of the official layout by their paths in it."""

    @property
    def fingerprint(self) -> str:
        """Tells this source from others, and gives no path and no address away."""

    def fetch(self, paths: Sequence[str]) -> dict[str, Path]:
        """Local files by their path in the layout.

        Raises:
            SourceError: names every file that is missing.
        """

    def reject(self, paths: Sequence[str]) -> None:
        """These files are no good: a later run must not take them from a cache."""

    def finish(self) -> None:
        """Everything that was asked for has been read and found good."""


class FolderSource:
    """A clone, or any folder in the official layout."""

    def __init__(self, root: Path) -> None:
        if not os.path.isdir(with_home(root)):  # and raises nothing for what can be no path
            raise SourceError(f"{root} is not a folder; give the folder of a CROSS clone, or a base URL.")
        self._root = with_home(root).resolve()

    @property
    def fingerprint(self) -> str:
        """Changes with the folder's place and with name, size and time of every file that could be read."""
        parts = [str(self._root)]
        for file in sorted(chain.from_iterable(map(self._root.glob, _READ_FROM))):
            if file.is_file():
                stat = file.stat()
                parts.append(f"{file.relative_to(self._root).as_posix()}:{stat.st_size}:{stat.st_mtime_ns}")
        return _fingerprint(*parts)

    def fetch(self, paths: Sequence[str]) -> dict[str, Path]:
        """The files, where they lie."""
        files = {path: self._root / path for path in paths}
        self._refuse("lie outside the copy of CROSS; replace the links by the files", files, self._is_outside)
        here = f"are missing in the folder {self._root.name or self._root}; complete the clone"
        self._refuse(here, files, lambda file: not file.is_file())
        self._refuse("can't be read; change their permissions", files, lambda file: not os.access(file, os.R_OK))
        return files

    def _is_outside(self, file: Path) -> bool:
        return not file.resolve().is_relative_to(self._root)

    def _refuse(self, why: str, files: Mapping[str, Path], is_bad: Callable[[Path], bool]) -> None:
        bad = [path for path, file in files.items() if is_bad(file)]
        if bad:
            raise SourceError(f"{len(bad)} files {why}: {', '.join(bad)}.")

    def reject(self, paths: Sequence[str]) -> None:
        """Nothing to do: the files are the user's."""

    def finish(self) -> None:
        """Nothing to do, for the same reason."""


class WebSource:
    """The official layout below a base URL; finished downloads are kept, so a killed run is continued.

    A `manifest.json` of checksums is written last; with it in place the files are checked, not fetched again.

    Args:
        base_url: what the paths are appended to; a query in it goes with every request, a user and password as
            basic authentication.
        cache: folder for downloads.
        fresh: fetch everything anew.
    """

    def __init__(self, base_url: str, cache: Path, fresh: bool = False) -> None:
        url = _parse(base_url)
        self._auth: tuple[str, str] | None = None
        if url.userinfo:
            self._auth = url.username, url.password
        self._base = url.copy_with(userinfo=b"")
        self._folder = cache / self.fingerprint[:16]
        self._paths: list[str] = []
        if fresh:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def fingerprint(self) -> str:
        """Changes with the address, whoever asks."""
        return _fingerprint(str(self._base))

    def fetch(self, paths: Sequence[str]) -> dict[str, Path]:
        """The files, downloaded in parallel unless they are there already."""
        files = {path: self._folder / path for path in paths}
        recorded = self._recorded()
        todo = [path for path in paths if not self._is_good(files[path], recorded.get(path))]
        missing = self._download(todo)
        if missing:
            raise SourceError(
                f"{len(missing)} files are missing below {shown_url(self._base)}: {', '.join(missing)}; "
                "check --source and --revision."
            )
        self._paths += paths
        return files

    def reject(self, paths: Sequence[str]) -> None:
        """Delete these downloads."""
        self._paths = [path for path in self._paths if path not in paths]
        for path in paths:
            (self._folder / path).unlink(missing_ok=True)

    def finish(self) -> None:
        """Write the manifest: path -> SHA-256."""
        sums = {path: file_sha256(self._folder / path) for path in sorted(set(self._paths))}
        write_whole(self._folder / MANIFEST, json.dumps(sums, indent=1) + "\n")

    def _recorded(self) -> dict[str, str]:
        """The checksums of finished downloads: path -> SHA-256."""
        manifest = self._folder / MANIFEST
        if not manifest.is_file():
            return {}
        try:
            recorded = parse_json(read_text(manifest))
        except ValueError:  # then everything is fetched anew
            return {}
        return recorded if isinstance(recorded, dict) else {}

    def _is_good(self, file: Path, sha256: str | None) -> bool:
        return file.is_file() and (sha256 is None or sha256 == file_sha256(file))

    def _download(self, paths: Sequence[str]) -> list[str]:
        """Fetch all of `paths`; the ones that the server does not have are returned."""
        pool = ThreadPoolExecutor(PARALLEL_DOWNLOADS)
        with httpx2.Client(auth=self._auth, follow_redirects=True, timeout=60) as client:
            try:
                successes = pool.map(lambda path: self._download_one(client, path), paths)
                pairs = zip(paths, successes, strict=True)
                bar = tqdm(pairs, total=len(paths), desc="Downloading", unit="file", disable=None)
                return [path for path, is_there in bar if not is_there]
            finally:
                pool.shutdown(cancel_futures=True)

    def _download_one(self, client: httpx2.Client, path: str) -> bool:
        url = self._base.copy_with(path=f"{self._base.path.rstrip('/')}/{quote(path)}")
        target = self._folder / path
        private_folder(target.parent)
        retrying = Retrying(
            retry=retry_if_exception(_may_pass), stop=stop_after_attempt(TRIES), wait=WAIT, reraise=True
        )
        try:
            retrying(_stream, client, url, target)
        except httpx2.HTTPStatusError as error:
            if error.response.status_code in {404, 410}:
                return False
            hint = "try again later" if _may_pass(error) else "check --source and --revision"
            raise SourceError(f"{shown_url(url)} answered {error.response.status_code}; {hint}.") from None
        except (EndlessBodyError, zlib.error) as error:
            raise SourceError(f"{shown_url(url)} {_why(error)}; check --source.") from None
        except httpx2.RequestError as error:
            raise SourceError(f"{shown_url(url)} can't be read ({type(error).__name__}); try again later.") from None
        return True


def open_source(source: str, revision: str | None, cache: Path, fresh: bool = False) -> Source:
    """The source that a user named: a folder, or a base URL that a revision is appended to.

    Raises:
        SourceError: the folder is not there, the URL is none, or a revision is asked of a folder.
    """
    if source.startswith(("http://", "https://")):
        if revision:
            source = _with_revision(source, revision)
        return WebSource(source, cache, fresh)
    if revision:
        raise SourceError(f"--revision {revision} goes with a base URL; check that revision out in the folder instead.")
    return FolderSource(Path(source))


def _with_revision(source: str, revision: str) -> str:
    url = _parse(source)
    return str(url.copy_with(path=f"{url.path.rstrip('/')}/{revision}"))


def _parse(text: str) -> httpx2.URL:
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL:
        url = httpx2.URL("")
    if not url.host:
        raise SourceError("The base URL of --source or CROSS_SOURCE is not valid; give https://HOST/PATH or a folder.")
    return url


def shown_url(url: httpx2.URL) -> str:
    """`url` without what could be a secret in it."""
    return str(url.copy_with(userinfo=b"", query=None, fragment=None))


def _fingerprint(*parts: str) -> str:
    return hashlib.sha256("\n".join((FORMAT, *parts)).encode(errors="surrogateescape")).hexdigest()


def _stream(client: httpx2.Client, url: httpx2.URL, target: Path) -> None:
    with client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response:
        response.raise_for_status()
        with writing_whole(target, "wb") as file:
            for piece in limited(response.iter_raw(), response.headers.get("Content-Encoding", "")):
                file.write(piece)


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, httpx2.HTTPStatusError):
        return error.response.status_code in {408, 425, 429} or error.response.status_code >= 500
    return isinstance(error, httpx2.RequestError)


def _why(error: EndlessBodyError | zlib.error) -> str:
    return str(error) if isinstance(error, EndlessBodyError) else "sends what can't be unpacked"
