"""Addresses that credentials may be sent to."""

from __future__ import annotations

from urllib.parse import urlsplit

_THIS_MACHINE = ("127.0.0.1", "::1", "localhost")


def is_encrypted_or_local(url: str) -> bool:
    """Whether it is https, or http to this machine."""
    parts = urlsplit(url)
    if parts.scheme == "http":
        return parts.hostname in _THIS_MACHINE
    return parts.scheme == "https" and bool(parts.hostname)


def encrypted_or_local(base_url: str) -> str:
    """`base_url` without a slash at its end. Raises ValueError unless https, or http to this machine."""
    if not is_encrypted_or_local(base_url):
        raise ValueError(
            f"base_url {base_url!r} must be https, or http on this machine: the token travels with it"
        )
    return base_url.rstrip("/")
