"""One call to a vendor: what is sent, and the answer read completely.

Belongs here: bodies and their content types, both ways. Does not belong here: sending (`client`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from typing import TypeAlias
from urllib.parse import urlencode

from integration_pipeline.transport.failures import Attempted, malformed, parse_http_date
from integration_pipeline.transport.json_types import JsonValue, dump_json, parse_json
from integration_pipeline.transport.policies import TimeLimits
from integration_pipeline.transport.shapes import Json

Form: TypeAlias = Mapping[str, str] | Sequence[tuple[str, str]]
"""Fields of a form; as pairs where a name may come twice (`expand[]`)."""

_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_LONGEST_IDEMPOTENCY_KEY = 255


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent with a call, in one of three ways; an encoded one brings its type among the headers."""

    json: JsonValue = None
    form: Form | None = None
    content: bytes | None = None

    def encoded(self) -> tuple[bytes | None, Mapping[str, str]]:
        """The bytes and the header that names their type. Raises ValueError for more than one body."""
        if sum(each is not None for each in (self.json, self.form, self.content)) > 1:
            raise ValueError("a call carries one of json, form and content")
        if self.form is not None:
            return urlencode(self.form).encode(), {"Content-Type": _FORM}
        if self.json is not None:
            return dump_json(self.json), {"Content-Type": _JSON}
        return self.content, {}

    def secrets(self) -> set[str]:
        """What a vendor might echo of a form that holds secrets."""
        if self.form is None:
            return set()
        pairs = self.form.items() if isinstance(self.form, Mapping) else self.form
        return {value for _, value in pairs if len(value) >= 8}


@dataclass(frozen=True, slots=True)
class Call:
    """A call ready to be sent, as often as needed."""

    attempted: Attempted
    operation: str
    query: str
    content: bytes | None
    headers: Mapping[str, str]
    bucket: str | None
    limits: TimeLimits
    secrets: frozenset[str] = frozenset()


def idempotency_header(name: str, key: str | None) -> Mapping[str, str]:
    """The header that lets a vendor recognise a repetition. Raises ValueError for a key no vendor takes."""
    if key is None:
        return {}
    if not 0 < len(key) <= _LONGEST_IDEMPOTENCY_KEY or not key.isascii() or not key.isprintable():
        raise ValueError(
            f"an idempotency key has 1 to {_LONGEST_IDEMPOTENCY_KEY} printable ASCII characters, got {key!r}"
        )
    return {name: key}


@dataclass(frozen=True, slots=True)
class Reply:
    """A 2xx answer, read completely. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    attempted: Attempted

    @property
    def served_at(self) -> datetime | None:
        """The vendor's clock when it answered, cut to the second; None if it does not tell."""
        return parse_http_date(self.headers.get("date", ""))

    @property
    def content_type(self) -> str:
        """`text/csv`, without parameters, lower case; empty if the vendor does not tell."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The body in the encoding it was sent in (UTF-8 if none is named), for CSV and the like.

        XML is better parsed from `body`: it names its own encoding. Raises `Malformed` (for a write
        `Uncertain`) if the body is not in that encoding.
        """
        named = Message()
        named["Content-Type"] = self.headers.get("content-type", "text/plain")
        charset = named.get_content_charset("utf-8")
        try:
            return self.body.decode("utf-8-sig" if charset == "utf-8" else charset)
        except (LookupError, ValueError):
            problem = f"answered {self.status} with a body that is not text in {charset[:40]!r}"
        raise malformed(self.attempted, problem, status=self.status)

    def json(self) -> Json:
        """The parsed body; raises `Malformed` (for a write `Uncertain`) if it is not JSON."""
        try:
            return Json(parse_json(self.body), self.attempted)
        except ValueError as error:
            problem = f"answered {self.status} with a body that is not JSON: {error}"
        raise malformed(self.attempted, problem, status=self.status)
