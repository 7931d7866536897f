"""How a vendor words what faults make it answer. Which request meets a fault is `plan`."""

from __future__ import annotations

from typing import Protocol

from starlette.responses import Response
from starlette.types import Scope


class Wording(Protocol):
    """One vendor's refusals, as it writes them."""

    def error(self, status: int) -> Response:
        """A status of the vendor's own trouble, in its body."""
        ...

    def throttled(self, scope: Scope, policy: str | None, retry_after: int | None) -> Response:
        """A request refused for its rate; `policy` is the vendor's name of a limit, None the usual one.

        Raises ValueError for a policy the vendor has not.
        """
        ...

    def unauthorized(self) -> Response:
        """As for a token that was just revoked."""
        ...

    def garbage(self, form: str, body: bytes) -> Response:
        """An answer that cannot be used, instead of the true one: `text`, `shape` or `record`."""
        ...

    def known_policy(self, policy: str) -> bool:
        """Whether the vendor has a limit of that name."""
        ...
