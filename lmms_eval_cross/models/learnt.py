"""What earlier runs learnt of the endpoint that `cross_api` asks; the ledger keeps it, as for a judge."""

from contextlib import suppress
from typing import Final

from lmms_eval_cross.errors import LedgerError
from lmms_eval_cross.judge.client import JudgeClient
from lmms_eval_cross.ledger.spend import load_quirks, save_quirks
from lmms_eval_cross.ledger.store import Ledger

_PROFILE: Final = "answers"
"""Stands where the ledger has the profile of a judge."""


class Learnt:
    """Gives the client what is known not to be taken, and keeps what it learns."""

    def __init__(self, ledger: Ledger, client: JudgeClient) -> None:
        """Look it up; a ledger that can't be read has nothing to tell."""
        self._ledger, self._client = ledger, client
        self._place = client.endpoint.host, client.model, f"{_PROFILE} {client.path}"
        self._known: frozenset[str] | None = None
        with suppress(LedgerError):
            self._known = load_quirks(ledger, *self._place)
        client.quirks |= self._known or frozenset()

    @property
    def is_proven(self) -> bool:
        """Whether key and model were good before: then no first call has to go alone."""
        return self._known is not None

    def keep(self, has_answered: bool) -> None:
        """Note it for the next run, which learns it again where it can't be noted."""
        if has_answered and self._client.quirks != self._known:
            with suppress(LedgerError):
                save_quirks(self._ledger, *self._place, self._client.quirks)
