"""Plaid's public keys for the gateway: asked for by one call at a time, and never at a stranger's bidding.

Whoever sends a webhook names the key it is signed with, so he chooses what is asked for. A key's id is
asked for once a minute at most, whatever came of it, a few ids at a time, and new ids a bounded number of
times a minute in all; who exceeds that is answered 503, after which Plaid sends again.

Belongs here: when a key may be asked for, how long is waited. Does not belong here: what Plaid answers, how
long a key is good (`payments.plaid.keys`).
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final, TypeVar

from anyio import CapacityLimiter, to_thread
from jwt import PyJWK
from prometheus_client import CollectorRegistry

from integration_pipeline.gateway.webhooks import KeysUnavailable
from integration_pipeline.payments.plaid.api import PlaidApi, connect
from integration_pipeline.payments.plaid.config import PlaidClientSettings
from integration_pipeline.payments.plaid.keys import VerificationKeys
from integration_pipeline.payments.plaid.signature import Forged
from integration_pipeline.settings import Settings
from integration_pipeline.transport.client import RetryPolicy, TimeLimits, VendorClient
from integration_pipeline.transport.failures import VendorFailure

_T = TypeVar("_T")

NEW_IDS_A_MINUTE: Final = 30
WAIT_SECONDS: Final = 4.0
"""How long a request waits for a key; asking goes on, so that the next one finds it."""

_AT_ONCE: Final = 2
_AGAIN_SECONDS: Final = 60.0
_MOST_IDS: Final = 256
_RETRIES: Final = RetryPolicy(attempts=2, base_seconds=0.1, cap_seconds=0.5, total_seconds=3.0)
_TIME_LIMITS: Final = TimeLimits(connect=2.0, read=3.0, answer=3.5)


class PlaidKeys:
    """For one event loop. `ask` blocks, so it is asked in threads; `client` is what it asks by."""

    def __init__(
        self, ask: VerificationKeys, client: VendorClient, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._client = client
        self._monotonic = monotonic
        self._limiter: CapacityLimiter | None = None
        self._asking: dict[str, asyncio.Task[PyJWK]] = {}
        self._in_vain: OrderedDict[str, tuple[float, Forged | KeysUnavailable]] = OrderedDict()
        self._good: OrderedDict[str, None] = OrderedDict()
        self._new_ids: deque[float] = deque()

    @classmethod
    def of(cls, settings: Settings) -> PlaidKeys | None:
        """The keys of the client in the settings; None without one."""
        if settings.plaid_client_id is None or settings.plaid_secret is None:
            return None
        client = connect(
            PlaidClientSettings(
                client_id=settings.plaid_client_id,
                secret=settings.plaid_secret,
                base_url=settings.plaid_base_url,
            ),
            retries=_RETRIES,
            time_limits=_TIME_LIMITS,
            registry=CollectorRegistry(),
        )
        return cls(VerificationKeys(PlaidApi(client)), client)

    def close(self) -> None:
        """Whoever waits for a key is told that there is none."""
        for asking in self._asking.values():
            asking.cancel()
        self._client.close()

    async def get(self, key_id: str) -> PyJWK:
        """The key of an id. Raises Plaid's `Forged`, or `KeysUnavailable` if it cannot be had now."""
        asking = self._asking.get(key_id)
        if asking is None:
            asking = self._begin(key_id)
        try:
            return await asyncio.wait_for(asyncio.shield(asking), WAIT_SECONDS)
        except TimeoutError:
            raise KeysUnavailable(f"Plaid gave no key within {WAIT_SECONDS:.0f} seconds") from None

    def _begin(self, key_id: str) -> asyncio.Task[PyJWK]:
        now = self._monotonic()
        asked_at, failure = self._in_vain.get(key_id, (now, None))
        if failure is not None and now - asked_at < _AGAIN_SECONDS:
            raise type(failure)(f"{failure} (asked less than a minute ago)")
        if key_id not in self._good:
            self._count_new(now)
        asking = asyncio.create_task(self._asked(key_id))
        self._asking[key_id] = asking
        asking.add_done_callback(lambda done: self._done(key_id, done))
        return asking

    def _count_new(self, now: float) -> None:
        while self._new_ids and now - self._new_ids[0] >= _AGAIN_SECONDS:
            self._new_ids.popleft()
        if len(self._new_ids) >= NEW_IDS_A_MINUTE:
            raise KeysUnavailable(f"{NEW_IDS_A_MINUTE} unknown keys were named within a minute")
        self._new_ids.append(now)

    async def _asked(self, key_id: str) -> PyJWK:
        if self._limiter is None:
            self._limiter = CapacityLimiter(_AT_ONCE)
        try:
            key = await to_thread.run_sync(self._ask.get, key_id, time.time(), limiter=self._limiter)
        except VendorFailure as failure:
            raise KeysUnavailable(str(failure)) from None
        return key.jwk

    def _done(self, key_id: str, asking: asyncio.Task[PyJWK]) -> None:
        del self._asking[key_id]
        if asking.cancelled():
            return
        failure = asking.exception()
        if failure is None:
            _remember(self._good, key_id, None)
            self._in_vain.pop(key_id, None)
        elif isinstance(failure, Forged | KeysUnavailable):
            _remember(self._in_vain, key_id, (self._monotonic(), failure))


def _remember(known: OrderedDict[str, _T], key_id: str, value: _T) -> None:
    known[key_id] = value
    known.move_to_end(key_id)
    while len(known) > _MOST_IDS:
        known.popitem(last=False)
