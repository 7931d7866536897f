"""What passes between a vendor and its webhooks: events in, signed POSTs out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

JsonObject = dict[str, object]


@dataclass(frozen=True, slots=True)
class Attempt:
    """The number, from 1, of the attempt this is for the oldest event of a POST, and the sandbox's moment.

    A `forged` POST must be one that nobody with the right secret has signed.
    """

    number: int
    at: datetime
    forged: bool


@dataclass(frozen=True, slots=True)
class Post:
    """A request to the receiver; the signature is among the headers."""

    body: bytes
    headers: Mapping[str, str]


Compose = Callable[[Sequence[JsonObject], Attempt], Post]


@dataclass(frozen=True, slots=True)
class Manner:
    """How a vendor delivers.

    `retry_seconds` are the sandbox's seconds between one failed attempt and the next; after the last one an
    event is given up, or, where a vendor `disables`, deliveries end until the receiver is set again.
    `accepted` judges the status of an answer, `answer` its body. `ordered`: one POST at a time, and an event
    that is not acknowledged holds back all later ones. `deadline_seconds` are ours, as the receiver's are.
    """

    compose: Compose
    retry_seconds: Sequence[float]
    most_events: int
    accepted: Callable[[int], bool]
    answer: Callable[[bytes], bool]
    ordered: bool
    disables: bool
    requests_at_once: int
    deadline_seconds: float
