"""What PostgreSQL's text cannot hold."""

from __future__ import annotations

import re

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""NUL, and half a surrogate pair. In what people type or import both are debris: without it the record still
says the same."""
