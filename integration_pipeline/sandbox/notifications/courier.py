"""Sending: which events go now, in which POST, and what follows from the answer.

Everything that waits, for its first attempt or its last, waits in one heap; the truth about what is still to
be delivered is in the `outbox`.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Sequence
from itertools import count

import httpx

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.notifications.events import Attempt, JsonObject, Manner, Post
from integration_pipeline.sandbox.notifications.outbox import Delivery, Event, Outbox
from integration_pipeline.sandbox.notifications.settings import WebhookSettings

# Somebody may move the clock on while events wait for a moment of it: look at it this often.
_LOOK_SECONDS = 0.05

_FIRST_PLACE = 1 << 40


class Courier:
    """Delivers events from the running event loop between `start` and `stop`."""

    def __init__(self, outbox: Outbox, clock: SandboxClock, manner: Manner) -> None:
        self._outbox = outbox
        self._clock = clock
        self._manner = manner
        self._settings = WebhookSettings()
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._posts: set[asyncio.Task[None]] = set()
        self._heap: list[tuple[int, int, Event]] = []
        self._held: list[tuple[int, int, Event]] = []
        self._places = count()
        self._accepted = 0
        self._open: dict[int, Event] = {}
        self._duplicates = 0
        self._forged = {"sent": 0, "accepted": 0}

    def start(self, settings: WebhookSettings) -> None:
        """Begin to send, first of all what the outbox still holds."""
        self._loop = asyncio.get_running_loop()
        self._client = httpx.AsyncClient(trust_env=False, timeout=None)  # noqa: S113 - see `post`
        # The sandbox's clock starts anew with it: a moment it had reached before may be far off now.
        longest = self._clock.now_ms() + int(max(self._manner.retry_seconds, default=0) * 1_000)
        for event in self._outbox.waiting():
            self._open[event.id] = event
            self._wait(event, min(event.due_ms, longest))
        self.configure(settings)

    async def stop(self) -> None:
        """End all requests; what was not acknowledged is sent again after the next start."""
        posts = [*self._posts]
        self.forget()
        self._loop = None
        await asyncio.gather(*posts, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    @property
    def settings(self) -> WebhookSettings:
        return self._settings

    def configure(self, settings: WebhookSettings) -> None:
        """Send by these settings from now on."""
        self._settings = settings
        self._wake()

    def begin_again(self) -> None:
        """Have everything that waits for its next attempt sent now, as for the first time."""
        self._heap.clear()
        self._held.clear()
        waiting = [event for event in self._open.values() if not event.taken]
        for event in waiting:
            event.attempts = 0
            self._wait(event, self._clock.now_ms())
        self._outbox.postpone(waiting)
        self._wake()

    def forget(self) -> None:
        """Drop everything that waits or is under way."""
        for post in self._posts:
            post.cancel()
        if self._timer is not None:
            self._timer.cancel()
        self._posts.clear()
        self._heap.clear()
        self._held.clear()
        self._open.clear()
        self._duplicates = 0
        self._forged = {"sent": 0, "accepted": 0}

    def accept(self, event: Event) -> None:
        """Take an event that was just recorded."""
        settings = self._settings
        now = self._clock.now_ms()
        self._open[event.id] = event
        self._accepted += 1
        due = now + settings.delay(event.id)
        if behind := settings.held_behind(event.id):
            heapq.heappush(self._held, (self._accepted + behind, event.id, event))
            # In order of places a held event would be the first again.
            event.due_ms = due + settings.late(event.id)
        else:
            self._wait(event, due)
        self._release(now)
        self._wake()

    def queue(self) -> JsonObject:
        """Events still open, duplicates still to be sent, requests under way, what became of forgeries."""
        return {
            "open": len(self._open),
            "duplicates": self._duplicates,
            "requests": len(self._posts),
            "forged": dict(self._forged),
        }

    async def post(self, post: Post) -> tuple[int | None, bytes, str | None]:
        """Status and body of the receiver's answer; without one in time no status, and why."""
        assert self._client is not None  # noqa: S101 - between start and stop
        if self._settings.url is None:
            return None, b"", "no url is set"
        try:
            async with asyncio.timeout(self._manner.deadline_seconds):
                answer = await self._client.post(
                    self._settings.url, content=post.body, headers={**post.headers}
                )
        except TimeoutError:
            return None, b"", f"no answer within {self._manner.deadline_seconds} seconds"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return None, b"", f"{type(error).__name__}: {error}"
        return answer.status_code, answer.content, None

    def _wait(self, event: Event, due_ms: int) -> None:
        event.taken = False
        event.due_ms = due_ms
        # Where order is kept, what failed is before anything new; ids never reach the first place.
        retried = self._manner.ordered and event.attempts
        place = event.id if retried else _FIRST_PLACE + next(self._places)
        heapq.heappush(self._heap, (0 if self._manner.ordered else due_ms, place, event))

    def _release(self, now: int) -> None:
        """Let held events go that enough others have overtaken, or that are late enough."""
        while self._held and self._held[0][0] <= self._accepted:
            self._wait(heapq.heappop(self._held)[2], now)
        late = [each for each in self._held if each[2].due_ms <= now]
        for each in late:
            self._held.remove(each)
            self._wait(each[2], now)
        heapq.heapify(self._held)

    def _wake(self) -> None:
        """Have `_dispatch` called when something may be due, if a request is free for it."""
        if self._loop is None or not (self._heap or self._held):
            return
        if not self._settings.enabled or self._settings.url is None or not self._free():
            return
        due = min([self._heap[0][2].due_ms] if self._heap else [each[2].due_ms for each in self._held])
        wait = self._clock.real_seconds((due - self._clock.now_ms()) / 1_000)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(min(max(wait, 0), _LOOK_SECONDS), self._dispatch)

    def _free(self) -> bool:
        return len(self._posts) < (1 if self._manner.ordered else self._manner.requests_at_once)

    def _dispatch(self) -> None:
        if self._loop is None:
            return
        self._release(self._clock.now_ms())
        while self._free() and (batch := self._next_batch()):
            post = self._loop.create_task(self._deliver(batch))
            self._posts.add(post)
            post.add_done_callback(self._done)
        self._wake()

    def _done(self, post: asyncio.Task[None]) -> None:
        self._posts.discard(post)
        if not post.cancelled() and (failed := post.exception()) is not None:
            raise failed
        self._wake()

    def _next_batch(self) -> list[Event]:
        now = self._clock.now_ms()
        batch: list[Event] = []
        while self._heap and len(batch) < self._manner.most_events:
            event = self._heap[0][2]
            if event.due_ms > now or (batch and event.duplicate != batch[0].duplicate):
                break
            heapq.heappop(self._heap)
            event.taken = True
            batch.append(event)
        return batch

    async def _deliver(self, batch: list[Event]) -> None:
        """By the settings of now, even if they change meanwhile."""
        settings = self._settings
        # Known before the answer is, which changes the attempts.
        first_time = [each for each in batch if each.attempts == 0 and not each.duplicate]
        forged = [each for each in first_time if settings.forges(each.id)]
        accepted = await self._send(batch, forged=False)
        if batch[0].duplicate:
            self._duplicates -= len(batch)
        elif accepted:
            self._settle(batch)
        else:
            self._retry(batch)
        for event in forged:
            self._forged["sent"] += 1
            self._forged["accepted"] += await self._send([event], forged=True)

    async def _send(self, batch: Sequence[Event], *, forged: bool) -> bool:
        sent = self._clock.now()
        number = 1 if forged else batch[0].attempts + 1
        post = self._manner.compose([each.body for each in batch], Attempt(number, sent, forged))
        sent_ms = self._clock.now_ms()
        status, body, error = await self.post(post)
        accepted = status is not None and self._manner.accepted(status) and self._manner.answer(body)
        self._outbox.delivered(
            Delivery(
                tuple(each.id for each in batch),
                number,
                sent_ms,
                self._clock.now_ms(),
                status,
                error,
                accepted,
                forged,
                batch[0].duplicate,
            )
        )
        return accepted

    def _settle(self, batch: list[Event]) -> None:
        now = self._clock.now_ms()
        self._outbox.acknowledge(batch, now)
        for event in batch:
            self._open.pop(event.id, None)
            if self._settings.duplicates(event.id):
                self._duplicates += 1
                # Where order is kept, one that waits would hold up the others.
                late = 0 if self._manner.ordered else self._settings.late(event.id)
                self._wait(Event(event.id, event.body, 0, duplicate=True), now + late)

    def _retry(self, batch: list[Event]) -> None:
        delays = self._manner.retry_seconds
        now = self._clock.now_ms()
        exhausted = [each for each in batch if each.attempts >= len(delays)]
        again = [each for each in batch if each.attempts < len(delays)]
        if exhausted and self._manner.disables:
            self._settings = self._settings.model_copy(update={"enabled": False})
            self._outbox.keep(self._settings)
            for event in exhausted:
                self._wait(event, now)
        elif exhausted:
            for event in exhausted:
                event.attempts += 1
                self._open.pop(event.id, None)
            self._outbox.give_up(exhausted)
        for event in again:
            due = now + int(delays[event.attempts] * 1_000)
            event.attempts += 1
            self._wait(event, due)
        self._outbox.postpone(again)
