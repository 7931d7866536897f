"""What the books say when they refuse something, for whoever has to mend it."""

from __future__ import annotations

from sqlalchemy.exc import IntegrityError


def said_by(refusal: Exception) -> str:
    """The first line of what was said: the database's own words, without the statement and its values."""
    return str(refusal.orig if isinstance(refusal, IntegrityError) else refusal).partition("\n")[0]
