"""The batches that were handed in to an endpoint, by a token of ours and, once the endpoint gave one, by its id."""

import json
from collections.abc import Sequence

from lmms_eval_cross.ledger.store import Ledger, utc_now


def note_batch(ledger: Ledger, token: str, host: str, calls: Sequence[str]) -> None:
    """Note a batch before it is handed in.

    Args:
        ledger: where.
        token: ours, which the endpoint keeps with the batch.
        host: of the endpoint.
        calls: the verdict key that names each call.
    """
    ledger.change(
        "INSERT INTO batch (token, host, calls, created_at) VALUES (?, ?, ?, ?)",
        (token, host, json.dumps(list(calls)), utc_now()),
    )


def name_batch(ledger: Ledger, token: str, batch_id: str) -> None:
    """Note the id that the endpoint gave to a batch."""
    ledger.change("UPDATE batch SET id = ? WHERE token = ?", (batch_id, token))


def unnamed_batches(ledger: Ledger, host: str) -> set[str]:
    """The tokens of batches of which it is not known whether the endpoint has them."""
    query = "SELECT token FROM batch WHERE id IS NULL AND host = ?"
    return {str(row["token"]) for row in ledger.select(query, (host,))}


def forget_batch(ledger: Ledger, token: str) -> None:
    """Strike out a batch that the endpoint never got."""
    ledger.change("DELETE FROM batch WHERE token = ?", (token,))


def open_batches(ledger: Ledger, host: str) -> list[tuple[str, list[str]]]:
    """Id and calls of the batches that are not collected."""
    query = "SELECT id, calls FROM batch WHERE host = ? AND collected = 0 AND id IS NOT NULL"
    return [(str(row["id"]), json.loads(row["calls"])) for row in ledger.select(query, (host,))]


def close_batch(ledger: Ledger, batch_id: str) -> None:
    """Count a batch as collected."""
    ledger.change("UPDATE batch SET collected = 1 WHERE id = ?", (batch_id,))


def calls_handed_in(ledger: Ledger, host: str) -> dict[str, str]:
    """Call -> when it was handed in, of all batches that are not collected: each may be paid already."""
    query = "SELECT calls, created_at FROM batch WHERE host = ? AND collected = 0"
    handed_in: dict[str, str] = {}
    for row in ledger.select(query, (host,)):
        handed_in |= dict.fromkeys(json.loads(row["calls"]), str(row["created_at"]))
    return handed_in


def forget_batches(ledger: Ledger) -> int:
    """Strike out all batches that are not collected; how many that were."""
    return ledger.change("DELETE FROM batch WHERE collected = 0")
