"""Which customer of a target one of ours is, decided from what identifies both. Never by name alone.

Belongs here: the rules and their evidence, without I/O. Does not belong here: the copy of the target's
customers and what was decided (`parties`).

In order: our reference there, the same tax id, the same domain, the same e-mail address; each only if it
points at one customer. A similar name makes a candidate that a person decides about. What none of them knows
is new.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import fuzz, process

SIMILAR = 85.0
"""From this score (0 to 100) on two names are candidates for one customer."""
_MOST_CANDIDATES = 10
_NAMES_KEPT = 100_000

# Addresses of everybody say nothing about the company.
FREE_MAIL = frozenset(
    {
        "aol.com", "gmail.com", "googlemail.com", "gmx.de", "gmx.net", "hotmail.com", "icloud.com",
        "live.com", "mail.com", "me.com", "outlook.com", "proton.me", "protonmail.com", "qq.com",
        "t-online.de", "web.de", "yahoo.com", "yandex.com",
    }
)  # fmt: skip
_LEGAL_FORMS = re.compile(
    r"\b(inc|incorporated|llc|ltd|limited|corp|corporation|co|company|gmbh|ag|kg|se|sa|sas|sarl|bv|nv|ab|"
    r"oy|as|aps|plc|pty|pte|kk|k k|srl|spa)\b"
)


@dataclass(frozen=True, slots=True)
class Party:
    """What a customer is known by; tax id and domain in normal form. `remote_id` and `reference` there."""

    name: str
    tax_id: str | None
    domain: str | None
    email: str | None
    remote_id: str = ""
    reference: str | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Linked:
    """It is this one, by this rule."""

    remote_id: str
    rule: str
    evidence: dict[str, str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """It may be this one: a person decides."""

    remote_id: str
    name: str
    rule: str
    score: float


@dataclass(frozen=True, slots=True)
class Undecided:
    """Several speak for it, or only a name does."""

    candidates: tuple[Candidate, ...]
    why: str


@dataclass(frozen=True, slots=True)
class New:
    """Nobody there is this customer."""


Verdict = Linked | Undecided | New


class Directory:
    """The customers of one target, by what identifies them. Those taken by others are not among them."""

    def __init__(self, parties: Iterable[Party]) -> None:
        self._parties = list(parties)
        self._by: dict[tuple[str, str], list[Party]] = {}
        for party in self._parties:
            for key in _keys(party):
                self._by.setdefault(key, []).append(party)
        self._names = [_in_order(party.name) for party in self._parties]

    def verdict(self, ours: Party) -> Verdict:
        """Who `ours` is there."""
        for key in _keys(ours):
            found = [each for each in self._by.get(key, []) if _billable(ours, each)]
            if len(found) > 1:
                return Undecided(
                    tuple(_candidate(each, f"same_{key[0]}", 100.0) for each in found[:_MOST_CANDIDATES]),
                    f"{len(found)} customers there have the {_WORDS[key[0]]} {key[1]}",
                )
            if not found:
                continue
            if key[0] != "reference" and _apart(ours.tax_id, found[0].tax_id):
                return Undecided(
                    (_candidate(found[0], f"same_{key[0]}", 100.0),),
                    f"{found[0].name} there has the same {_WORDS[key[0]]}, but another tax id",
                )
            return Linked(found[0].remote_id, f"same_{key[0]}", {key[0]: key[1], "name_there": found[0].name})
        similar = self._similar(ours)
        if similar:
            return Undecided(
                similar, f"{similar[0].name} there has a similar name, and nothing else in common"
            )
        return New()

    def _similar(self, ours: Party) -> tuple[Candidate, ...]:
        wanted = _in_order(ours.name)
        if not wanted:
            return ()
        # All in one call: a target has tens of thousands of customers, and each new one is held against them.
        alike = process.extract(
            wanted, self._names, scorer=fuzz.ratio, processor=None, score_cutoff=SIMILAR, limit=None
        )
        scored = [
            (score, self._parties[place])
            for _, score, place in alike
            # Two tax ids are two companies, whatever they are called.
            if _billable(ours, self._parties[place]) and not _apart(ours.tax_id, self._parties[place].tax_id)
        ]
        best = sorted(scored, key=lambda each: (-each[0], each[1].remote_id))
        return tuple(_candidate(party, "similar_name", score) for score, party in best[:_MOST_CANDIDATES])


_WORDS = {"reference": "reference", "tax_id": "tax id", "domain": "domain", "email": "e-mail address"}


def normal_name(name: str) -> str:
    """`ACME, Inc.` as `acme`: lower case, without punctuation and legal forms."""
    words = re.sub(r"[^\w]+", " ", name.casefold()).strip()
    return " ".join(_LEGAL_FORMS.sub(" ", words).split()) or words


@lru_cache(_NAMES_KEPT)
def _in_order(name: str) -> str:
    """The normal name with its words in the order of the alphabet: `Smith & Jones` is `Jones, Smith`."""
    return " ".join(sorted(normal_name(name).split()))


def _keys(party: Party) -> Sequence[tuple[str, str]]:
    """What identifies a party, the strongest first."""
    email = (party.email or "").strip().casefold()
    domain = party.domain if party.domain not in FREE_MAIL else None
    known = (("reference", party.reference), ("tax_id", party.tax_id), ("domain", domain), ("email", email))
    return [(kind, value) for kind, value in known if value]


def _apart(ours: str | None, theirs: str | None) -> bool:
    return ours is not None and theirs is not None and ours != theirs


def _billable(ours: Party, theirs: Party) -> bool:
    """A record whose currency is fixed is nobody who is billed in another."""
    return not _apart(ours.currency, theirs.currency)


def _candidate(party: Party, rule: str, score: float) -> Candidate:
    return Candidate(party.remote_id, party.name, rule, round(score, 1))
