"""A cursor over a vendor's JSON that checks each step and names the place that is wrong.

Belongs here: generic shapes (object, list, text, timestamp). Does not belong here: any vendor's field names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import cast

from integration_pipeline.store.texts import UNSTORABLE
from integration_pipeline.transport.failures import Attempted, VendorFailure, clean, malformed
from integration_pipeline.transport.json_types import JsonValue


@dataclass(frozen=True, slots=True)
class Json:
    """One value of an answer, with the way to it (`$.results[3].id`).

    Every method that finds another shape raises `Malformed`, or `Uncertain` if the answer is that of a write.
    """

    value: JsonValue
    attempted: Attempted
    at: str = "$"

    def wrong(self, expected: str) -> VendorFailure:
        shown = "something" if self.attempted.is_confidential else clean(repr(self.value))[:80]
        return malformed(self.attempted, f"answered {self.at} = {shown} where {expected} belongs")

    def object(self) -> Mapping[str, JsonValue]:
        if not isinstance(self.value, Mapping):
            raise self.wrong("an object")
        return self.value

    def items(self) -> list[Json]:
        """The elements of a list, each knowing its index."""
        if not isinstance(self.value, list):
            raise self.wrong("a list")
        return [Json(element, self.attempted, f"{self.at}[{i}]") for i, element in enumerate(self.value)]

    def field(self, name: str) -> Json:
        """A field of this object; an absent one has the value None, so the next step says what was due."""
        return Json(self.object().get(name), self.attempted, f"{self.at}.{name}")

    def optional(self, name: str) -> Json | None:
        """A field of this object, or None if it is absent or null."""
        found = self.field(name)
        return None if found.value is None else found

    def text(self) -> str:
        """Text that a database can keep: without NUL, and without half a surrogate pair."""
        if not isinstance(self.value, str):
            raise self.wrong("text")
        if UNSTORABLE.search(self.value):
            raise self.wrong("text that can be stored")
        return self.value

    def optional_text(self, name: str) -> str | None:
        """The text of a field of this object, or None if it is absent or null."""
        found = self.optional(name)
        return None if found is None else found.text()

    def identifier(self) -> str:
        """A record id as text: vendors write the same id as `"7"` in one endpoint and as `7` in another."""
        if isinstance(self.value, str) and self.value.strip() and not UNSTORABLE.search(self.value):
            return self.value
        if isinstance(self.value, int) and not isinstance(self.value, bool):
            return str(self.value)
        raise self.wrong("an id")

    def integer(self) -> int:
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            raise self.wrong("an integer")
        return self.value

    def number(self) -> Decimal:
        """A number with exactly the digits it was written with."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | Decimal):
            raise self.wrong("a number")
        return Decimal(self.value)

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.wrong("true or false")
        return self.value

    def timestamp(self) -> datetime:
        """An ISO 8601 moment with its offset, in UTC."""
        try:
            moment = datetime.fromisoformat(self.text())
            # Without an offset nobody knows the moment; and year 1 with an offset leaves the calendar.
            return moment.astimezone(UTC) if moment.tzinfo else self._no_offset()
        except (ValueError, OverflowError):
            raise self.wrong("an ISO 8601 timestamp with its offset") from None

    def strings(self) -> Mapping[str, str | None]:
        """An object whose every value is text or null."""
        values = self.object()
        for name, value in values.items():
            if value is not None and not isinstance(value, str):
                raise Json(value, self.attempted, f"{self.at}.{name}").wrong("text or null")
        return cast("Mapping[str, str | None]", values)

    def _no_offset(self) -> datetime:
        raise ValueError("no offset")
