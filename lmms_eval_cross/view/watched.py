"""The runs that a served page shows, and the page of what lies in their folders now."""

import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from lmms_eval_cross.errors import CrossError
from lmms_eval_cross.report.earlier_report import mark_of
from lmms_eval_cross.report.page import render_page, render_waiting
from lmms_eval_cross.report.page_options import PageOptions
from lmms_eval_cross.report.write import Extras, report_of
from lmms_eval_cross.runs.run_files import LoggedRun
from lmms_eval_cross.runs.run_places import results_files, run_places
from lmms_eval_cross.runs.run_rounds import load_as_one


@dataclass
class Watched:
    """Runs and their page; may be used from several threads."""

    paths: Sequence[Path]
    options: PageOptions
    extras: Extras
    _making: threading.Lock = field(default_factory=threading.Lock)
    _made: tuple[str, str] = ("", "")
    """Version and page."""

    def version(self) -> str:
        """A hash of which results files lie there; another one when a run landed, went, or was judged anew."""
        digest = hashlib.sha256()
        for file in chain.from_iterable(map(_files, self.paths)):
            with suppress(FileNotFoundError):  # it went since it was listed
                status = file.stat()
                digest.update(f"{file}\0{status.st_mtime_ns}\0{status.st_size}\0".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()[:16]

    def page(self) -> str:
        """The page of the runs as they lie now."""
        with self._making:
            version = self.version()
            if self._made[0] != version:
                self._made = version, self._make(version)
            return self._made[1]

    def _make(self, version: str) -> str:
        runs, troubles = self._loaded()
        options = self.options.live(version, troubles)
        if not runs:
            return render_waiting(options)
        try:
            return render_page(report_of(runs, mark_of(self.paths), options, self.extras), options)
        except CrossError as error:
            return render_waiting(self.options.live(version, [*troubles, str(error)]))

    def _loaded(self) -> tuple[list[LoggedRun], list[str]]:
        """The runs that can be shown, and why others can't: a run that is being written is read when it is whole."""
        runs: list[LoggedRun] = []
        troubles: list[str] = []
        for place in chain.from_iterable(map(run_places, self.paths)):
            try:
                run = load_as_one(place)
                if run.judged_answers:
                    runs.append(run)
            except CrossError as error:
                troubles.append(str(error))
        return runs, troubles


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from results_files(path)
    elif path.is_file():
        yield path
