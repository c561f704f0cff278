"""Answers to be judged, and their judging by the settings in force."""

import hashlib
import io
import tempfile
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from lmms_eval_cross.benchmark.rubric import Rubric, read_official_rubric
from lmms_eval_cross.data.images import StoredImage
from lmms_eval_cross.judge.choose import make_judge
from lmms_eval_cross.judge.engine import Bounds, JudgeEngine, Outcomes
from lmms_eval_cross.judge.job import Job
from lmms_eval_cross.ledger.store import Ledger
from lmms_eval_cross.settings import load_settings
from tests.samples import make_sample
from tests.standin import JUDGE


@cache
def image(kind: str = "PNG", shade: int = 9) -> StoredImage:
    """A small picture."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (shade, 0, 0)).save(file, kind)
    data = file.getvalue()
    return StoredImage(hashlib.sha256(data).hexdigest(), f"image/{kind.lower()}", data)


def rubric(folder: Path, source: str = JUDGE) -> Rubric:
    """The stand-in's rubric, or that of another text."""
    path = folder / "evaluation.py"
    path.write_text(source, encoding="utf-8")
    return read_official_rubric(path)


def job(response: str, judged_by: Rubric | None = None, picture: StoredImage | None = None, **changed: Any) -> Job:
    """An answer to one sample; `changed` are other values of the sample's fields."""
    shown = picture or image()
    told = {"query": "Which {flowers} shall I bring?", "norm": "White {flowers} are for mourning.", **changed}
    sample = make_sample(**{"item": "France_1", "image_sha256": shown.sha256, "image_name": "flowers.png", **told})
    return Job(sample, response, judged_by or _standin_rubric(), {shown.sha256: shown}.__getitem__)


QUICK = Bounds(backoff_seconds=0.1, patience_seconds=5)
"""Tries come close together and patience is short, so that a judge that is down fails fast."""


@cache
def _standin_rubric() -> Rubric:
    with tempfile.TemporaryDirectory() as folder:
        return rubric(Path(folder))


def judged_in(home: Path, jobs: Sequence[Job]) -> list[Outcomes]:
    """The outcomes of the jobs, in order, by the settings in force and the ledger in `home`."""
    settings = load_settings()
    found: dict[int, Outcomes] = {}
    with closing(Ledger(home / "ledger.sqlite")) as ledger:
        engine = JudgeEngine(make_judge(settings), ledger, settings.judge_concurrency, QUICK)
        with closing(engine):
            for number, one in enumerate(jobs):
                engine.submit(one, lambda outcomes, number=number: found.__setitem__(number, outcomes))  # type: ignore[misc]
            engine.drain(show_progress=False)
    return [found[number] for number in range(len(jobs))]
