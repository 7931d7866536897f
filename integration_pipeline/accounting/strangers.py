"""Refusals that are not the accounting system's own: somebody on the way to it answered.

Belongs here: what such an answer means for a write. Does not belong here: telling it from the vendor's own,
which each vendor's `errors` does by its words.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from integration_pipeline.transport.failures import Rejected, Uncertain

_LOOK = (
    "Somebody between here and the vendor answered in its place, a proxy or a firewall. What was sent is "
    "looked up before it is sent again; if this goes on, ask whoever runs the network."
)


class NotTheVendors(Rejected):
    """A 400 in nobody's words the vendor has: it says nothing about the records that were sent."""


@contextmanager
def writing() -> Generator[None]:
    """A write whose refusal by a stranger is `Uncertain`: no record is to blame, and nobody knows how far the
    request came.
    """
    try:
        yield
    except NotTheVendors as refusal:
        raise Uncertain(
            refusal.attempted,
            refusal.problem,
            _LOOK,
            status=refusal.status,
            vendor_message=refusal.vendor_message,
            correlation_id=refusal.correlation_id,
        ) from None
