"""The ledger's tables in PostgreSQL, as numbered steps make them; SQLite's stand in schema.py."""

from dataclasses import dataclass
from typing import Final

SCHEMA: Final = "lmms_eval_cross"
"""All tables stand in a schema of this name, so that a database may have others."""


@dataclass(frozen=True, slots=True)
class Migration:
    """A step that the schema takes."""

    title: str
    sql: str


_LEDGER: Final = """
-- answers are too long for an index, so their hash tells them apart
CREATE FUNCTION response_hash(response text) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT pg_catalog.sha256(pg_catalog.convert_to(response, 'UTF8')) $$;

CREATE TABLE response (
    run TEXT COLLATE "C" NOT NULL,
    sample_id TEXT COLLATE "C" NOT NULL,
    response TEXT COLLATE "C" NOT NULL,
    record TEXT NOT NULL,
    created_at TEXT COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX response_place ON response (run, sample_id, response_hash(response));
CREATE INDEX response_of_sample ON response (sample_id);

CREATE TABLE verdict (
    key TEXT COLLATE "C" NOT NULL,
    host TEXT COLLATE "C" NOT NULL,
    judge_id TEXT NOT NULL,
    sample_id TEXT NOT NULL,
    dimension TEXT NOT NULL,
    score INTEGER CHECK (score IN (0, 1)),
    reason TEXT,
    detail TEXT,
    reply TEXT,
    model TEXT,
    usage TEXT NOT NULL,
    written_by TEXT NOT NULL,
    created_at TEXT COLLATE "C" NOT NULL,
    quirks TEXT NOT NULL DEFAULT '[]',
    outline TEXT,
    PRIMARY KEY (key, host),
    CHECK ((score IS NULL) <> (reason IS NULL))
);

CREATE TABLE learnt (
    host TEXT NOT NULL,
    model TEXT NOT NULL,
    profile TEXT NOT NULL,
    quirks TEXT NOT NULL,
    learnt_at TEXT NOT NULL,
    in_flight INTEGER,
    PRIMARY KEY (host, model, profile)
);

CREATE TABLE spend (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    usd DOUBLE PRECISION NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    run TEXT NOT NULL
);
CREATE INDEX spend_of_run ON spend (run, usd);

CREATE TABLE batch (
    token TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    id TEXT,
    calls TEXT NOT NULL,
    collected INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL
);

CREATE TABLE merged (
    file TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    number BIGINT NOT NULL,
    "row" TEXT NOT NULL
);
"""

_CLAIM: Final = """
CREATE TABLE claim (
    key TEXT NOT NULL,
    host TEXT NOT NULL,
    owner TEXT NOT NULL,
    until TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (key, host)
);
CREATE INDEX claim_of_owner ON claim (owner);
"""

_RUN: Final = """
ALTER TABLE verdict ADD COLUMN run TEXT;

CREATE TABLE run (
    run TEXT COLLATE "C" NOT NULL,
    judge_id TEXT COLLATE "C" NOT NULL,
    model TEXT,
    tasks TEXT,
    folder TEXT,
    created_at TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (run, judge_id)
);
"""

MIGRATIONS: Final[tuple[Migration, ...]] = (
    Migration("answers, verdicts, money, batches, and what was learnt of endpoints", _LEDGER),
    Migration("who is asking for which verdict at this moment", _CLAIM),
    Migration("model, tasks and folder of each run, and which run asked for a verdict", _RUN),
)
"""Schema steps, numbered from 1: new ones are added, old ones never edited."""
