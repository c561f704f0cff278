"""`align build`: a recipe's tasks, done side by side with teacher and judge, become a dataset folder."""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from tqdm import tqdm

from lmms_eval_cross.align.dataset import AlignDataset, DatasetWriter
from lmms_eval_cross.align.examining import Dropped, Examiner, build_rubric
from lmms_eval_cross.align.examples import LENGTH_RATIO, Example, Kind, PreferencePair
from lmms_eval_cross.align.manifest import SourceFile
from lmms_eval_cross.align.teacher_texts import TextName, WantedText
from lmms_eval_cross.align.teachers import OFFLINE_TEACHER, KeptTeacher, OfflineTeacher, Teacher
from lmms_eval_cross.benchmark.records import ASK_AGAIN
from lmms_eval_cross.data.images import StoredImage
from lmms_eval_cross.errors import AlignError, CrossError
from lmms_eval_cross.judge.caller import Caution
from lmms_eval_cross.judge.job import OFFLINE_ID
from lmms_eval_cross.judge.teacher import NoText
from lmms_eval_cross.judging import JudgeSession, open_judging, open_teacher
from lmms_eval_cross.settings import Settings

_AHEAD: Final = 4
"""Tasks a thread that wait for their turn, finished or not, since examples are written in order."""
_FINISH_LATER: Final = "Everything that came is kept; type the same command again to go on."


@dataclass(frozen=True, slots=True)
class Made:
    """An example with the pictures that it shows."""

    example: Example
    images: tuple[StoredImage, ...] = ()


Results: TypeAlias = list[Made | Dropped]


class Workshop:
    """What tasks work with: a teacher, and the judge as examiner."""

    def __init__(self, teacher: Teacher, examiner: Examiner) -> None:
        self.teacher, self.examiner = teacher, examiner

    def write(self, name: TextName, image: StoredImage | None = None, /, **fields: str) -> str | Dropped:
        """A text of the teacher, or why there is none."""
        reply = self.teacher.write(WantedText(name, fields, image))
        if isinstance(reply, NoText):
            return Dropped(f"the teacher gave no {name} ({reply.reason})", reply.reason in ASK_AGAIN)
        return reply


Task: TypeAlias = Callable[[Workshop], Results]


class BuildRecipe(Protocol):
    """Where examples come from, and how one is made."""

    kind: Kind
    uses_teacher: bool

    @property
    def sources(self) -> Sequence[SourceFile]:
        """The files that they come from."""
        ...

    def __len__(self) -> int:
        """How many tasks there are."""
        ...

    def tasks(self) -> Iterator[Task]:
        """What is done for each example; pictures are read here, in one thread."""
        ...


@dataclass
class BuildReport:
    """What came of a build."""

    tasks: int
    made: int = 0
    lengths_differ: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    unfinished: int = 0
    """Of the dropped: what the same command may get later."""


def build_dataset(
    recipe: BuildRecipe, output: Path, settings: Settings, say: Callable[[str], None], limit: int | None, partial: bool
) -> AlignDataset:
    """Make a dataset folder by a recipe.

    Args:
        recipe: what is made.
        output: a folder that is not there yet.
        settings: those in force: teacher, judge, budget.
        say: gets the table of what was made and dropped, also when the folder is not written.
        limit: how many tasks of the recipe are done at the most.
        partial: write the folder though something could not be asked.

    Raises:
        AlignError: the folder is there already, nothing was made, or something could not be asked.
        JudgeSetupError, LedgerError, NotPreparedError: judge or teacher can't be used as they are set up.
    """
    if output.exists():
        raise AlignError(f"{output} is there already; name another --output, or delete it.")
    with ExitStack() as closing:
        rubric = build_rubric(settings)
        judging = closing.enter_context(open_judging(settings, caution=Caution(finish_later=_FINISH_LATER)))
        teacher = _open_teacher(settings, judging)
        closing.callback(teacher.close)
        workshop = Workshop(teacher, Examiner(judging, rubric))
        report = BuildReport(len(recipe) if limit is None else min(limit, len(recipe)))
        with DatasetWriter(output, recipe.kind, recipe.sources) as writer:
            _write(writer, _in_order(islice(recipe.tasks(), limit), workshop, settings.teacher_concurrency), report)
            say(build_text(report))
            _require_whole(report, partial)
            writer.notes = list(_notes(recipe, workshop, report))
            writer.dropped = dict(report.dropped.most_common())
    return AlignDataset(output, writer.manifest)


def build_text(report: BuildReport) -> str:
    """What was made and what was dropped, for people."""
    lines = [f"Tasks: {report.tasks}. Examples: {report.made}. Dropped: {report.dropped.total()}."]
    if report.lengths_differ:
        lines.append(_lengths_note(report))
    if report.dropped:
        lines += ["", f"{'Dropped because':<72}{'Number':>8}"]
        lines += [f"{reason:<72}{count:>8}" for reason, count in report.dropped.most_common()]
    return "\n".join(lines)


def _open_teacher(settings: Settings, judging: JudgeSession) -> Teacher:
    if settings.teacher == "offline":
        return OfflineTeacher()
    endpoint = open_teacher(settings, judging.ledger, _FINISH_LATER)
    try:
        return KeptTeacher(endpoint, settings.home)
    except CrossError:
        endpoint.close()
        raise


def _in_order(tasks: Iterator[Task], workshop: Workshop, threads: int) -> Iterator[Results]:
    """Do tasks side by side; their results in order."""
    pool = ThreadPoolExecutor(threads, "cross-build")
    waiting: deque[Future[Results]] = deque()
    try:
        for task in tasks:
            waiting.append(pool.submit(task, workshop))
            if len(waiting) > _AHEAD * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _write(writer: DatasetWriter, results: Iterator[Results], report: BuildReport) -> None:
    """Write what was made, each once, and count the rest."""
    written: set[str] = set()
    with tqdm(total=report.tasks, desc="Building", unit="task", disable=None) as bar:
        for several in results:
            for result in several:
                _settle(writer, result, written, report)
            bar.set_postfix_str(f"{report.made} made, {report.dropped.total()} dropped", refresh=False)
            bar.update()


def _settle(writer: DatasetWriter, result: Made | Dropped, written: set[str], report: BuildReport) -> None:
    if isinstance(result, Dropped):
        report.dropped[result.reason] += 1
        report.unfinished += result.of_the_moment
    elif result.example.id in written:
        report.dropped["the same as an earlier example"] += 1
    else:
        written.add(result.example.id)
        for image in result.images:
            writer.add_image(image)
        writer.add(result.example)
        report.made += 1
        report.lengths_differ += isinstance(result.example, PreferencePair) and result.example.lengths_differ


def _require_whole(report: BuildReport, partial: bool) -> None:
    if report.unfinished and not partial:
        raise AlignError(
            f"{report.unfinished} of the dropped could not be asked for now, so nothing is written; what came is kept: "
            "type the same command again to go on, or with --partial to have what is whole."
        )
    if not report.made:
        raise AlignError("No example was made, so nothing is written; the table says what was dropped and why.")


def _notes(recipe: BuildRecipe, workshop: Workshop, report: BuildReport) -> Iterator[str]:
    """What everything made from these data must say."""
    examiner, teacher = workshop.examiner, workshop.teacher.id
    if recipe.uses_teacher and teacher == OFFLINE_TEACHER:
        yield f"OFFLINE TEACHER ({teacher}): made from templates to try things, unfit for training"
    elif recipe.uses_teacher:
        yield f"written by the teacher {teacher}"
    if examiner.judge_id == OFFLINE_ID:
        yield f"OFFLINE JUDGE ({OFFLINE_ID}): nothing was measured"
    else:
        yield f"judged by {examiner.judge_id} with the {examiner.rubric.name} rubric {examiner.rubric.sha256[:12]}"
    if report.unfinished:
        yield f"partial: {report.unfinished} examples could not be asked for"
    if report.lengths_differ:
        yield _lengths_note(report)


def _lengths_note(report: BuildReport) -> str:
    least, most = LENGTH_RATIO
    return f"{report.lengths_differ} pairs whose lengths differ (not {least} to {most}), marked `lengths_differ`"
