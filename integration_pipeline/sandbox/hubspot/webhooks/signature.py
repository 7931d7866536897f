"""The headers that prove an event comes from HubSpot: its versions 2 and 3 over the same request."""

from __future__ import annotations

import base64
import hashlib
import hmac

# Signed decoded, sent as they are: HubSpot's list for version 3.
_DECODED = {
    "%3A": ":",
    "%2F": "/",
    "%3F": "?",
    "%40": "@",
    "%21": "!",
    "%24": "$",
    "%27": "'",
    "%28": "(",
    "%29": ")",
    "%2A": "*",
    "%2C": ",",
    "%3B": ";",
}


def signature_headers(secret: str, url: str, body: bytes, at_ms: int) -> dict[str, str]:
    """Headers for a POST of `body` to `url`, signed at epoch milliseconds."""
    key = secret.encode()
    before = hashlib.sha256(key + b"POST" + url.encode() + body).hexdigest()
    signed = b"POST" + _decoded(url).encode() + body + str(at_ms).encode()
    current = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    return {
        "X-HubSpot-Signature": before,
        "X-HubSpot-Signature-Version": "v2",
        "X-HubSpot-Signature-v3": current,
        "X-HubSpot-Request-Timestamp": str(at_ms),
    }


def _decoded(url: str) -> str:
    if "%" in url:
        for escaped, character in _DECODED.items():
            url = url.replace(escaped, character).replace(escaped.lower(), character)
    return url
