"""Sending: which events go now, in which POST, and what follows from the answer.

Everything that waits, for its first attempt or its last, waits in one heap by the moment it is due; the truth
about what is still to be delivered is in the `outbox`.
"""

from __future__ import annotations

import asyncio
import heapq
import json
from collections.abc import Iterable
from itertools import count

from integration_pipeline.sandbox.hubspot.errors import JsonObject
from integration_pipeline.sandbox.hubspot.webhooks.connection import Receiver
from integration_pipeline.sandbox.hubspot.webhooks.faults import luck
from integration_pipeline.sandbox.hubspot.webhooks.outbox import Event, Outbox, now_us
from integration_pipeline.sandbox.hubspot.webhooks.settings import WebhookSettings
from integration_pipeline.sandbox.hubspot.webhooks.signature import signature_headers

# HubSpot retries "up to 10 times over the next 24 hours" and does not say when; these add up to 24 hours.
RETRY_MINUTES = (1, 3, 6, 12, 24, 48, 96, 192, 384, 674)
_MINUTE_US = 60_000_000
# Leaves no more than this between one retry and its like in another batch: the jitter HubSpot announces.
_LEAST_OF_A_DELAY = 0.5

_USER_AGENT = "HubSpot Connect 2.0 (http://dev.hubspot.com/) (namespace: webhooks-nio-http-client)"


class Courier:
    """Delivers events from the running event loop between `start` and `stop`."""

    def __init__(self, outbox: Outbox, settings: WebhookSettings) -> None:
        self._outbox = outbox
        self._settings = settings
        self._receiver: Receiver | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._posts: set[asyncio.Task[None]] = set()
        self._heap: list[tuple[int, int, Event]] = []
        self._held: list[tuple[int, int, Event]] = []
        self._places = count()
        self._accepted = 0
        self._open: set[int] = set()
        self._duplicates = 0
        self._forged = {"sent": 0, "accepted": 0}

    def start(self) -> None:
        """Begin to send, first of all what the outbox still holds."""
        self._loop = asyncio.get_running_loop()
        self.configure(self._settings)
        for event in self._outbox.waiting():
            self._open.add(event.id)
            self._wait(event, event.due_us)
        self._wake()

    async def stop(self) -> None:
        """End all requests; what was not acknowledged is sent again after the next start."""
        posts = [*self._posts]
        self.forget()
        self._loop = None
        await asyncio.gather(*posts, return_exceptions=True)

    def configure(self, settings: WebhookSettings) -> None:
        """Send by these settings from now on."""
        self._settings = settings
        if self._receiver is not None:
            self._receiver.close()
        self._receiver = None if settings.target_url is None else Receiver(settings.target_url)
        self._wake()

    def forget(self) -> None:
        """Drop everything that waits or is under way."""
        for post in self._posts:
            post.cancel()
        self._posts.clear()
        self._heap.clear()
        self._held.clear()
        self._open.clear()
        self._duplicates = 0
        self._forged = {"sent": 0, "accepted": 0}
        if self._receiver is not None:
            self._receiver.close()

    def accept(self, events: Iterable[Event]) -> None:
        """Take events that were just recorded."""
        faults = self._settings.faults
        now = now_us() + self._settings.batch_delay_ms * 1_000
        for event in events:
            self._open.add(event.id)
            self._accepted += 1
            due = now + faults.delay_us(event.id)
            if behind := faults.held_behind(event.id):
                due += faults.late_ms * 1_000
                heapq.heappush(self._held, (self._accepted + behind, event.id, event))
            self._wait(event, due)
        while self._held and self._held[0][0] <= self._accepted:
            _, _, event = heapq.heappop(self._held)
            if not event.taken:
                self._wait(event, now)
        self._wake()

    def queue(self) -> JsonObject:
        """Events still open, duplicates still to be sent, requests under way, what became of forgeries."""
        return {
            "open": len(self._open),
            "duplicates": self._duplicates,
            "requests": len(self._posts),
            "forged": dict(self._forged),
        }

    def _wait(self, event: Event, due_us: int) -> None:
        event.taken = False
        event.due_us = due_us
        heapq.heappush(self._heap, (due_us, next(self._places), event))

    def _wake(self) -> None:
        """Have `_dispatch` called when the next event is due, if a request is free for it."""
        if self._loop is None or self._receiver is None or not self._heap:
            return
        if len(self._posts) >= self._settings.max_concurrent_requests:
            return
        wait = max(0, self._heap[0][0] - now_us()) / 1_000_000
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(wait, self._dispatch)

    def _dispatch(self) -> None:
        if self._loop is None or self._receiver is None:
            return
        while len(self._posts) < self._settings.max_concurrent_requests and (batch := self._next_batch()):
            post = self._loop.create_task(self._deliver(self._receiver, self._settings, batch))
            self._posts.add(post)
            post.add_done_callback(self._delivered)
        self._wake()

    def _delivered(self, post: asyncio.Task[None]) -> None:
        self._posts.discard(post)
        self._wake()

    def _next_batch(self) -> list[Event]:
        now = now_us()
        batch: list[Event] = []
        while self._heap and self._heap[0][0] <= now and len(batch) < self._settings.batch_size:
            due, _, event = heapq.heappop(self._heap)
            # An event that was held back stands in the heap twice; the later place no longer counts.
            if due == event.due_us and not event.taken:
                event.taken = True
                batch.append(event)
        return batch

    async def _deliver(self, receiver: Receiver, settings: WebhookSettings, batch: list[Event]) -> None:
        """By the settings the receiver belongs to, even if they change meanwhile."""
        body = "[" + ",".join(f'{each.body[:-1]},"attemptNumber":{each.attempts}}}' for each in batch) + "]"
        originals = [each for each in batch if not each.duplicate]
        # Known before the answer is, which changes the attempts.
        forged = [each for each in originals if each.attempts == 0 and settings.faults.forges(each.id)]
        sent_us, accepted = await self._post(receiver, settings, body.encode())
        self._duplicates -= len(batch) - len(originals)
        if accepted:
            self._settle(originals, sent_us)
        else:
            self._retry(originals, sent_us)
        for event in forged:
            await self._forge(receiver, settings, event)

    async def _post(
        self, receiver: Receiver, settings: WebhookSettings, body: bytes, secret: str | None = None
    ) -> tuple[int | None, bool]:
        """When the request was written, if it was, and whether it was answered with success in time."""
        headers = {
            "User-Agent": _USER_AGENT,
            "Content-Type": "application/json",
            **signature_headers(
                secret or settings.client_secret, settings.target_url or "", body, now_us() // 1_000
            ),
        }
        started_us = now_us()
        try:
            async with asyncio.timeout(settings.deadline_ms / 1_000):
                status, sent_us = await receiver.post(headers, body)
        except TimeoutError:
            return started_us, False
        except OSError:
            return None, False
        return sent_us, 200 <= status < 300

    def _settle(self, events: list[Event], sent_us: int | None) -> None:
        if not events:
            return
        self._outbox.acknowledge(events, sent_us or 0, now_us())
        faults = self._settings.faults
        for event in events:
            self._open.discard(event.id)
            if faults.duplicates(event.id):
                self._duplicates += 1
                again = Event(event.id, event.body, 0, event.attempts, duplicate=True)
                self._wait(again, now_us() + faults.late_us(event.id))

    def _retry(self, events: list[Event], sent_us: int | None) -> None:
        lost = [each for each in events if each.attempts >= len(RETRY_MINUTES)]
        if lost:
            self._outbox.give_up(lost, sent_us)
            self._open.difference_update(each.id for each in lost)
        again = [each for each in events if each.attempts < len(RETRY_MINUTES)]
        now = now_us()
        for event in again:
            delay = RETRY_MINUTES[event.attempts] * _MINUTE_US * self._settings.retry_scale
            event.attempts += 1
            jitter = luck(self._settings.faults.seed, f"retry {event.attempts}", event.id)
            self._wait(event, now + int(delay * (_LEAST_OF_A_DELAY + (1 - _LEAST_OF_A_DELAY) * jitter)))
        if again:
            self._outbox.postpone(again, sent_us)

    async def _forge(self, receiver: Receiver, settings: WebhookSettings, event: Event) -> None:
        """An event nobody recorded, signed with a secret nobody has: a receiver must not take it."""
        invented = json.loads(event.body) | {
            "eventId": -event.id,
            "changeSource": "FORGED",
            "attemptNumber": 0,
        }
        body = json.dumps([invented], ensure_ascii=False).encode()
        _, accepted = await self._post(receiver, settings, body, secret=f"not {settings.client_secret}")
        self._forged["sent"] += 1
        self._forged["accepted"] += accepted
