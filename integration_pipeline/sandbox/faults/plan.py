"""Which request meets which fault: counting, and drawing lots that depend on nothing but the seed.

A lot is a hash of (seed, rule, number of the match), so it does not matter when a request comes, what other
rules there are, or how many threads ask. What a fault does is `middleware`.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b

from integration_pipeline.sandbox.faults.rules import Fault, Rule, RuleSet

_LOTS = 1 << 64


@dataclass(frozen=True, slots=True)
class Due:
    """A fault that is to happen, and the lot for whatever is left to chance within it."""

    fault: Fault
    lot: int

    def between(self, low: int, high: int) -> int:
        return low + self.lot % (high - low + 1)


@dataclass(slots=True)
class _Tally:
    rule: Rule
    matched: int = 0
    fired: int = 0


class FaultPlan:
    """The rules in force and how often each matched and fired. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seed = 0
        self._tallies: tuple[_Tally, ...] = ()

    def replace(self, rules: RuleSet) -> None:
        """These rules and no others, counting from the start."""
        with self._lock:
            self._seed = rules.seed
            self._tallies = tuple(_Tally(rule) for rule in rules.rules)

    def due(self, method: str, path: str) -> Due | None:
        """Count a request and say what happens to it: the first rule that is due has it.

        Every rule it matches counts it, so that a rule's lots do not shift with the rules before it.
        """
        if not self._tallies:
            return None
        with self._lock:
            matches = [tally for tally in self._tallies if tally.rule.fits(method, path)]
            for tally in matches:
                tally.matched += 1
            first = next((tally for tally in matches if self._fires(tally)), None)
            if first is None:
                return None
            first.fired += 1
            return Due(first.rule.fault, self._lot(first, "extent"))

    def report(self) -> dict[str, object]:
        """The rules as they were set, each with `matched` and `fired`."""
        with self._lock:
            return {
                "seed": self._seed,
                "rules": [
                    {
                        **tally.rule.model_dump(mode="json", exclude_none=True),
                        "matched": tally.matched,
                        "fired": tally.fired,
                    }
                    for tally in self._tallies
                ],
            }

    def _fires(self, tally: _Tally) -> bool:
        rule = tally.rule
        if rule.times is not None and tally.fired >= rule.times:
            return False
        if rule.nth is not None:
            return tally.matched in rule.nth
        if rule.every is not None:
            return tally.matched % rule.every == 0
        return rule.share is None or Decimal(self._lot(tally, "share")) < rule.share * _LOTS

    def _lot(self, tally: _Tally, purpose: str) -> int:
        """One of 2^64 equally likely numbers."""
        drawn = f"{self._seed}\0{tally.rule.name}\0{tally.matched}\0{purpose}"
        return int.from_bytes(blake2b(drawn.encode(), digest_size=8).digest())
