"""Where webhooks go and what goes wrong on the way, by shares and a seed.

Decides only; `courier` acts. Decisions follow from seed and event id, so that a run over the same events
meets the same faults, and a restarted sandbox goes on with them.
"""

from __future__ import annotations

import re
from decimal import Decimal
from hashlib import blake2b
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

Share = Annotated[Decimal, Field(ge=0, le=1)]
Milliseconds = Annotated[int, Field(ge=0, le=86_400_000)]

_LOTS = 1 << 64
# A held-back event comes behind at most so many later ones, a duplicate or the last event at most so late.
_DEPTH = 20
_LATE_MS = 1_000


class DeliveryFaults(BaseModel):
    """Shares are of all events; milliseconds are the sandbox's.

    `lose_share` are never sent, `duplicate_share` are sent again after they were acknowledged, `forged_share`
    are accompanied by a POST under a wrong signature, `disorder` are held back until some of the next twenty
    events were announced, or a second has passed. `delay_ms` delays every event, by a range if it is one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    lose_share: Share = Decimal(0)
    duplicate_share: Share = Decimal(0)
    forged_share: Share = Decimal(0)
    disorder: Share = Decimal(0)
    delay_ms: Milliseconds | tuple[Milliseconds, Milliseconds] = 0

    @field_validator("delay_ms")
    @classmethod
    def _ascends(cls, given: int | tuple[int, int]) -> int | tuple[int, int]:
        if isinstance(given, tuple) and given[0] > given[1]:
            raise ValueError(f"a range from {given[0]} down to {given[1]}; write the smaller one first")
        return given


class WebhookSettings(BaseModel):
    """Nothing is recorded while there is no `url`. Deliveries end when they are not `enabled`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str | None = None
    enabled: bool = True
    seed: int = 0
    faults: DeliveryFaults = DeliveryFaults()

    @field_validator("url")
    @classmethod
    def _can_be_called(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or not re.fullmatch(r"[!-~]+", url):
            raise ValueError(f"{url!r} is no http or https URL in ASCII")
        return url

    def loses(self, event_id: int) -> bool:
        return self._strikes("lose", event_id, self.faults.lose_share)

    def duplicates(self, event_id: int) -> bool:
        return self._strikes("duplicate", event_id, self.faults.duplicate_share)

    def forges(self, event_id: int) -> bool:
        return self._strikes("forge", event_id, self.faults.forged_share)

    def held_behind(self, event_id: int) -> int:
        """How many later events are to overtake this one; 0 leaves it in its place."""
        if not self._strikes("disorder", event_id, self.faults.disorder):
            return 0
        return 1 + self._lot("depth", event_id) % _DEPTH

    def delay(self, event_id: int) -> int:
        """Milliseconds before the event is sent for the first time."""
        given = self.faults.delay_ms
        low, high = (given, given) if isinstance(given, int) else given
        return low + self._lot("delay", event_id) % (high - low + 1)

    def late(self, event_id: int) -> int:
        """Milliseconds by which a duplicate, or a held event that no other follows, is late."""
        return 1 + self._lot("late", event_id) % _LATE_MS

    def _strikes(self, purpose: str, event_id: int, share: Decimal) -> bool:
        return bool(share) and Decimal(self._lot(purpose, event_id)) < share * _LOTS

    def _lot(self, purpose: str, event_id: int) -> int:
        """One of 2^64 equally likely numbers, which depends on nothing but seed, purpose and event."""
        drawn = f"{self.seed}\0{purpose}\0{event_id}"
        return int.from_bytes(blake2b(drawn.encode(), digest_size=8).digest())
