"""When a run was made: lmms-eval's stamp has no zone, and ours says UTC."""

import re
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from lmms_eval_cross.runs.made_at import in_utc, made_at, stamp_now
from lmms_eval_cross.runs.run_files import load_run
from tests.conftest import ROOT, Run


def results(zone: str | None, stamp: str = "20261128_131141") -> dict[str, Any]:
    return {"date": stamp, "config": {"resolved_cli_args": {"timezone": zone} if zone else None}}


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        (None, "2026-11-28T05:11:41Z"),
        ("Asia/Singapore", "2026-11-28T05:11:41Z"),
        ("UTC", "2026-11-28T13:11:41Z"),
        ("America/New_York", "2026-11-28T18:11:41Z"),
        ("Nowhere/Land", "20261128_131141"),
        ("../../etc/passwd", "20261128_131141"),
    ],
)
def test_a_stamp_is_read_in_the_zone_that_it_was_written_in(zone: str | None, expected: str) -> None:
    assert made_at(results(zone)) == expected


@pytest.mark.parametrize("stamp", ["", "99991231_235959", "00010101_000000", "yesterday", "20261301_000000"])
def test_what_is_no_moment_stays_as_it_is(stamp: str) -> None:
    assert in_utc(stamp) in {stamp, "9999-12-31T15:59:59Z"}


def test_a_run_that_is_written_anew_is_stamped_in_its_own_zone() -> None:
    written = datetime.strptime(stamp_now(results("UTC")), "%Y%m%d_%H%M%S").replace(tzinfo=timezone.utc)
    assert abs((datetime.now(timezone.utc) - written).total_seconds()) < 60


def test_lmms_evals_default_zone_is_the_one_that_is_assumed(run: Run) -> None:
    code = "import inspect; from lmms_eval.utils import get_datetime_str as f; print(inspect.signature(f))"
    assert "timezone='Asia/Singapore'" in run(sys.executable, "-c", code).stdout


def test_a_run_of_the_last_release_says_utc() -> None:
    old = load_run(Path(ROOT / "tests" / "fixtures" / "release_0_1" / "run"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", old.date)
