"""`Idempotency-Key`: the first answer to a POST, given again for a day to whoever repeats it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from integration_pipeline.sandbox.storage import SqliteFile
from integration_pipeline.sandbox.stripe.errors import idempotency_mismatch, invalid

KEPT_MS = 24 * 3_600 * 1_000
_LONGEST = 255


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer given before, and the id of the request it was given to."""

    status: int
    body: bytes
    request_id: str


def fingerprint(method: str, path: str, body: bytes) -> str:
    """What must be the same for a repetition to be one."""
    return hashlib.sha256(b"\0".join((method.encode(), path.encode(), body))).hexdigest()


class Idempotency:
    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def recall(self, key: str, request: str, now_ms: int) -> Kept | None:
        """The answer kept for a key. Raises Stripe's 400 if it was another request, or the key too long."""
        if len(key) > _LONGEST:
            raise invalid(f"Idempotency keys can have up to {_LONGEST} characters.")
        row = self._file.row(
            "SELECT request, status, body, request_id FROM idempotency WHERE key = ? AND used_ms > ?",
            (key, now_ms - KEPT_MS),
        )
        if row is None:
            return None
        if row[0] != request:
            raise idempotency_mismatch(key)
        return Kept(row[1], row[2].encode(), row[3])

    def keep(self, key: str, request: str, now_ms: int, answer: Kept) -> None:
        """Within the transaction of the change itself: whoever sees the one sees the other."""
        self._file.write(
            "INSERT OR REPLACE INTO idempotency (key, used_ms, request, status, request_id, body)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (key, now_ms, request, answer.status, answer.request_id, answer.body.decode()),
        )
