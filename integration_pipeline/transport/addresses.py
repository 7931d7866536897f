"""Addresses that credentials may be sent to."""

from __future__ import annotations

from urllib.parse import urlsplit


def encrypted_or_local(base_url: str) -> str:
    """`base_url` without a slash at its end. Raises ValueError unless https, or http to this machine."""
    parts = urlsplit(base_url)
    local = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
        raise ValueError(
            f"base_url {base_url!r} must be https, or http on this machine: the token travels with it"
        )
    return base_url.rstrip("/")
