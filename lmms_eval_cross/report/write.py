"""From run folders to files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Final, Literal, TypeAlias

from lmms_eval_cross.errors import RunError
from lmms_eval_cross.files import writing_whole
from lmms_eval_cross.report.build import Report, build_report
from lmms_eval_cross.report.earlier_report import mark_of, refuse_to_overwrite
from lmms_eval_cross.report.latex import latex_tables
from lmms_eval_cross.report.measured import Measured
from lmms_eval_cross.report.page_options import PageOptions
from lmms_eval_cross.report.report_json import report_json, to_text
from lmms_eval_cross.report.tables import MODELS, csv_tables, parquet_tables
from lmms_eval_cross.runs.run_files import LoggedRun
from lmms_eval_cross.runs.run_places import run_places
from lmms_eval_cross.runs.run_rounds import load_as_one
from lmms_eval_cross.settings import load_settings
from lmms_eval_cross.trust.given_facets import given_facets
from lmms_eval_cross.trust.human_labels import LabelSet, load_labels

TableFormat: TypeAlias = Literal["csv", "parquet"]


@dataclass(frozen=True, slots=True)
class Targets:
    """Where to write; None for a format that is not asked for."""

    page: Path | None
    markdown: Path | None = None
    csv: Path | None = None
    """A folder."""
    json: Path | None = None
    latex: Path | None = None
    tables: TableFormat = "csv"
    """Of the files in the folders of tables."""
    site: Path | None = None
    """A folder for a web server, which has page, summary, numbers and tables whatever else is written."""

    @property
    def pages(self) -> list[Path]:
        """The page and the site's."""
        return self._and_the_sites(self.page, "index.html")

    @property
    def summaries(self) -> list[Path]:
        """The Markdown and the site's."""
        return self._and_the_sites(self.markdown, "summary.md")

    @property
    def numbers(self) -> list[Path]:
        """The JSON and the site's."""
        return self._and_the_sites(self.json, "report.json")

    @property
    def table_folders(self) -> list[Path]:
        """The folder of tables and the site's."""
        return self._and_the_sites(self.csv, "tables")

    @property
    def marked(self) -> list[Path]:
        """The files that say which runs they were made of; of a folder of tables the first does."""
        tables = [folder / f"{MODELS}.{self.tables}" for folder in self.table_folders]
        latex = [] if self.latex is None else [self.latex]
        return [*self.pages, *self.summaries, *self.numbers, *latex, *tables]

    def _and_the_sites(self, own: Path | None, name: str) -> list[Path]:
        in_site = None if self.site is None else self.site / name
        return [path for path in (own, in_site) if path is not None]


@dataclass(frozen=True, slots=True)
class Extras:
    """Files that a report may be made with."""

    labels: Path | None = None
    """Human labels, which correct the means."""
    facets: Path | None = None
    """Further facets of the samples."""


NO_EXTRAS: Final = Extras()


def write_report(
    runs: Sequence[Path], targets: Targets, options: PageOptions, extras: Extras = NO_EXTRAS, force: bool = False
) -> list[Path]:
    """Write the report of some runs in the formats that are asked for; returns what was written.

    Args:
        runs: of each path all runs, where several models wrote below it.
        targets: where to write.
        options: what is left out.
        extras: further files that it is made with.
        force: overwrite a report of other runs.

    Raises:
        RunError: a run can't be read, or a file can't be written, or would be lost.
        LabelError: the labels can't be read, or can't correct a run; or the facets don't fit the runs' samples.
    """
    mark = mark_of(runs)
    if not force:
        refuse_to_overwrite(targets.marked, mark)
    loaded = [load_as_one(place) for place in chain.from_iterable(map(run_places, runs))]
    report = report_of(loaded, mark, options, extras)
    contents = _contents(report, targets, options)
    for path, content in contents.items():
        _write(path, content)
    return list(contents)


def report_of(runs: Sequence[LoggedRun], mark: str, options: PageOptions, extras: Extras) -> Report:
    """The report of some runs, which may hold no more than the options allow.

    Raises:
        CrossError: as for `write_report`.
    """
    labels = _labels(extras.labels)
    answers = chain.from_iterable(run.judged_answers for run in runs)
    facets = given_facets(extras.facets, (answer.sample.sample_id for answer in answers))
    report = replace(build_report(runs, load_settings().min_coverage, labels, facets), mark=mark)
    return report if options.samples else without_texts(report)


def _labels(path: Path | None) -> LabelSet | None:
    """The labels that were given, if any were."""
    return None if path is None else load_labels(path)


def without_texts(report: Report) -> Report:
    """The report without the benchmark's norms and without the judge's words on failures."""
    models = [_without_details(model) for model in report.models]
    return replace(report, models=models, norms=[replace(row, norm="") for row in report.norms])


def _without_details(model: Measured) -> Measured:
    return replace(model, failures=[replace(failure, detail="") for failure in model.failures])


def _contents(report: Report, targets: Targets, options: PageOptions) -> dict[Path, str | bytes]:
    contents: dict[Path, str | bytes] = {}
    if targets.pages or targets.summaries:
        contents.update(_from_templates(report, targets, options))
    if targets.table_folders:
        contents.update(_in_folders(targets.table_folders, _tables(report, targets.tables)))
    if targets.latex:
        contents[targets.latex] = latex_tables(report)
    if targets.numbers:
        contents.update(dict.fromkeys(targets.numbers, to_text(report_json(report)) + "\n"))
    return contents


def _from_templates(report: Report, targets: Targets, options: PageOptions) -> dict[Path, str]:
    # Jinja2, the charts and what reads pictures take half a second to load, and the other outputs do without
    from lmms_eval_cross.report import page, report_markdown

    contents: dict[Path, str] = {}
    if targets.pages:
        contents.update(dict.fromkeys(targets.pages, page.render_page(report, options)))
    if targets.summaries:
        contents.update(dict.fromkeys(targets.summaries, report_markdown.markdown(report)))
    return contents


def _in_folders(folders: Sequence[Path], tables: Mapping[str, str | bytes]) -> Iterator[tuple[Path, str | bytes]]:
    for folder in folders:
        for name, table in tables.items():
            yield folder / name, table


def _tables(report: Report, ending: TableFormat) -> Mapping[str, str | bytes]:
    return parquet_tables(report) if ending == "parquet" else csv_tables(report)


def _write(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all; half a character, which JSON can hold and UTF-8 can't, becomes `?`."""
    if isinstance(content, str):
        content = content.encode("utf-8", "replace")
    try:
        with writing_whole(path, "wb") as file:
            file.write(content)
    except OSError as error:
        raise RunError(f"{path} can't be written ({error.strerror}); choose another place.") from None
