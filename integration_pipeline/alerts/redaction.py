"""An error in one line that may leave the house.

Errors name a record's values and sometimes an address, for whoever mends them, in Dagster's pages. A chat or
a mailbox has other readers, so there only the kind of error is said and where to look.
"""

from __future__ import annotations

import re

_LONGEST = 300
_ELLIPSIS = "…"

_URL = re.compile(r"\b([a-z][a-z0-9+.-]*)://(?:[^\s/@]*@)?([^\s/?#'\"]*)[^\s'\"]*", re.IGNORECASE)
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`")
_ADDRESS = re.compile(r"[^\s@<>()]+@[^\s@<>()]+")
_BEARER = re.compile(r"\b(bearer|basic)\s+\S+", re.IGNORECASE)
_KEY_VALUE = re.compile(
    r"\b(password|passwd|token|secret|api_?key|authorization)\s*[=:]\s*\S+", re.IGNORECASE
)
_LONG_WORD = re.compile(r"[A-Za-z0-9_-]{24,}")


def in_one_line(message: str) -> str:
    """The first line of an error without quoted values, addresses, keys and long random words.

    A line that ends with a colon has the next one with it: it names the checks that failed. URLs keep their
    host: `https://api.example.com…`. At most 300 characters.
    """
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    line = " ".join(lines[:2] if lines and lines[0].endswith(":") else lines[:1])
    line = _URL.sub(rf"\1://\2{_ELLIPSIS}", line)
    line = _QUOTED.sub(_ELLIPSIS, line)
    line = _BEARER.sub(rf"\1 {_ELLIPSIS}", line)
    line = _KEY_VALUE.sub(rf"\1={_ELLIPSIS}", line)
    line = _ADDRESS.sub(_ELLIPSIS, line)
    line = _LONG_WORD.sub(_hidden, line)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + _ELLIPSIS


def _hidden(word: re.Match[str]) -> str:
    """Names of errors and columns are long, too, but have no digits."""
    return _ELLIPSIS if any(each.isdigit() for each in word[0]) else word[0]
