"""What people are told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Alert:
    """`title` is one line that says what happened; `facts` are labels and values; `link` shows more."""

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    next_step: str | None = None
    link: str | None = None

    def as_text(self) -> str:
        """For a reader without any formatting, the title left out."""
        lines = [f"{label}: {value}" for label, value in self.facts]
        lines += [self.next_step] if self.next_step else []
        lines += [self.link] if self.link else []
        return "\n".join(lines)


class NotDelivered(RuntimeError):  # noqa: N818 - said of the alert
    """An alert did not get through; the message has no address and no secret in it."""
