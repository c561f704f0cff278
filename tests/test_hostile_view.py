"""What is being judged, told of a ledger whose rows are odd: a page, and no traceback."""

import shutil
import sqlite3
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

import pytest

from lmms_eval_cross.errors import LedgerError
from lmms_eval_cross.ledger.store import Ledger
from lmms_eval_cross.settings import load_settings
from lmms_eval_cross.view.being_judged import describe, judging_now
from tests.test_hostile_files import DEEP
from tests.test_hostile_ledgers import ROW_EDITS
from tests.test_old_files import OLD

pytestmark = pytest.mark.long

RECORD_EDITS = {
    "as it is": "SELECT 1",
    "times in words": "UPDATE response SET created_at = created_at || 'soon'; UPDATE verdict SET created_at = 'soon'",
    "times beyond any": "UPDATE verdict SET created_at = '9999-99-99T99:99:99'",
    "records without anything": "UPDATE response SET record = '{}'",
    "a judge that is a list": "UPDATE response SET record = json_set(record, '$.provenance.judge_id', json('[1]'))",
    "no subset": "UPDATE response SET record = json_remove(record, '$.subset')",
    "no model": "UPDATE response SET record = json_remove(record, '$.provenance.judge_model')",
    "a model that is a list": "UPDATE response SET record = json_set(record, '$.provenance.judge_model', json('[1]'))",
    "one that is deep": f"UPDATE response SET record = '{DEEP}' WHERE sample_id LIKE '%_1/1'",
}


@pytest.mark.parametrize("statements", {**ROW_EDITS, **RECORD_EDITS}.values(), ids={**ROW_EDITS, **RECORD_EDITS}.keys())
def test_odd_rows_of_a_ledger_end_no_page(bare_environment: Path, statements: str) -> None:
    bare_environment.mkdir(exist_ok=True)
    path = bare_environment / "ledger.sqlite"
    shutil.copy(OLD / "ledger.sqlite", path)
    Ledger(path).close()
    now = datetime.now(timezone.utc)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for table in ("response", "verdict"):
            connection.execute(f"UPDATE {table} SET created_at = ?", (now.isoformat(timespec="seconds"),))
        connection.executescript(statements)
    try:
        lines = [describe(one) for one in judging_now(load_settings(), now)]
    except LedgerError:
        return
    assert len(lines) <= 1
