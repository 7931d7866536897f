"""Sessions: made by a log-in, alive while they are used, gone with the process."""

from __future__ import annotations

import secrets

from integration_pipeline.sandbox.clock import SandboxClock


class Sessions:
    """Tokens and when they were last used. A session ends `seconds` after that."""

    def __init__(self, clock: SandboxClock, organization_id: str, seconds: int) -> None:
        self._clock = clock
        self._organization_id = organization_id
        self._seconds = seconds
        self._used: dict[str, float] = {}
        self.opened = 0

    def open(self) -> str:
        """A new token."""
        token = f"{self._organization_id[:15]}!{secrets.token_urlsafe(72)}"
        self._used[token] = self._clock.monotonic()
        self.opened += 1
        return token

    def use(self, token: str) -> bool:
        """Whether the session is alive; it is then so for the whole time again."""
        used = self._used.get(token)
        now = self._clock.monotonic()
        if used is None or now - used > self._seconds:
            self._used.pop(token, None)
            return False
        self._used[token] = now
        return True

    def end_all(self) -> None:
        self._used.clear()
