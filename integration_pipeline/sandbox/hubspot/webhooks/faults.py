"""What goes wrong on the way to a receiver, by shares and a seed: events missed, doubled, late or forged.

Decides only; `service` and `courier` act. Decisions follow from seed and event id, so that a run over the
same events meets the same faults, and a restarted sandbox goes on with them.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0, le=1)]
Milliseconds = Annotated[int, Field(ge=0)]


def luck(seed: int, purpose: str, number: int) -> float:
    """A number in [0, 1) that depends on nothing but the arguments."""
    digest = blake2b(f"{seed}:{purpose}:{number}".encode(), digest_size=6).digest()
    return int.from_bytes(digest) / 2**48


class DeliveryFaults(BaseModel):
    """Shares are of all events.

    `drop_share` are never sent, `duplicate_share` are sent again after they were acknowledged, `forged_share`
    are accompanied by an invented event under a wrong signature. `disorder` are held back until some of the
    next `disorder_depth` events were recorded. A duplicate, or a held event that no other follows, comes at
    most `late_ms` later. `delay_ms` is the range of a delay of every event.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 0
    drop_share: Share = 0.0
    duplicate_share: Share = 0.0
    forged_share: Share = 0.0
    disorder: Share = 0.0
    disorder_depth: Annotated[int, Field(ge=1)] = 20
    late_ms: Milliseconds = 1_000
    delay_ms: tuple[Milliseconds, Milliseconds] = (0, 0)

    @model_validator(mode="after")
    def _range_is_ordered(self) -> DeliveryFaults:
        if self.delay_ms[0] > self.delay_ms[1]:
            raise ValueError(f"delay_ms {self.delay_ms} must be given as [least, most]")
        return self

    def drops(self, event_id: int) -> bool:
        return self._strikes("drop", event_id, self.drop_share)

    def duplicates(self, event_id: int) -> bool:
        return self._strikes("duplicate", event_id, self.duplicate_share)

    def forges(self, event_id: int) -> bool:
        return self._strikes("forge", event_id, self.forged_share)

    def held_behind(self, event_id: int) -> int:
        """How many later events are to overtake this one; 0 leaves it in its place."""
        if not self._strikes("disorder", event_id, self.disorder):
            return 0
        return 1 + int(self.disorder_depth * luck(self.seed, "depth", event_id))

    def delay_us(self, event_id: int) -> int:
        least, most = self.delay_ms
        if not most:
            return 0
        return int((least + (most - least) * luck(self.seed, "delay", event_id)) * 1_000)

    def late_us(self, event_id: int) -> int:
        """How long after its acknowledgement a duplicate is sent."""
        return int(self.late_ms * luck(self.seed, "late", event_id) * 1_000)

    def _strikes(self, purpose: str, event_id: int, share: float) -> bool:
        return bool(share) and luck(self.seed, purpose, event_id) < share
