"""An endpoint that answers nobody: one call probes it, and all others wait."""

from dataclasses import dataclass
from typing import Final

IN_A_ROW: Final = 3
"""So many tries in a row without an answer to anybody, and the endpoint is silent.

One or two are everyday; an answer to any call that is still out ends the silence at once.
"""
_DOUBLINGS: Final = 4
"""The wait between two probes begins with a call's own before its second try (0.5 s), and doubles so often, to 8 s.

A probe costs one request, and an endpoint that is back is noticed so late at the most.
"""
_LONGEST_TOLD_SECONDS: Final = 30.0
"""A Retry-After is believed as far as this."""


@dataclass(slots=True)
class Silence:
    """What is known of an endpoint that answers nobody, in seconds of the event loop's clock."""

    first_seconds: float = 0.5
    """Before the first probe."""
    troubles: int = 0
    """Tries in a row without an answer."""
    probes: int = 0
    probe_at: float = 0.0
    began_with: int = 0
    """Calls up to this number were out when the silence was noticed: they are no probes."""

    @property
    def lasts(self) -> bool:
        """Whether nobody is answered."""
        return self.troubles >= IN_A_ROW

    def ended(self) -> None:
        """Somebody was answered."""
        self.troubles = self.probes = 0
        self.probe_at = 0.0

    def met(self, number: int, sent: int, retry_after: float | None, now: float) -> None:
        """Call `number`, of `sent` so far, was not answered; the endpoint may have said when to come back."""
        self.troubles += 1
        if self.troubles == IN_A_ROW:
            self.began_with = sent
        elif not self.lasts or number <= self.began_with:
            return
        wait = self.first_seconds * 2.0**self.probes
        self.probes = min(self.probes + 1, _DOUBLINGS)
        self.probe_at = now + max(wait, min(retry_after or 0.0, _LONGEST_TOLD_SECONDS))

    def wait(self, now: float) -> float:
        """Seconds until the next probe may go; 0 where the endpoint answers."""
        if not self.lasts:
            return 0.0
        return max(0.0, self.probe_at - now)
