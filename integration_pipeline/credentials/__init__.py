"""Credentials that rotate: OAuth connections kept sealed, renewed once at a time, at hand in every process.

Belongs here: tokens of QuickBooks Online and Xero, the keys they are sealed with, consent and its end. Does
not belong here: fixed keys of other vendors (`settings`), and what is done with an access token.
"""

from __future__ import annotations

from integration_pipeline.credentials.auth import ConnectionAuth
from integration_pipeline.credentials.connections import Bearer, Connections
from integration_pipeline.credentials.failures import (
    BrokenConnection,
    ConnectionUnusable,
    NotConnected,
    RefreshPostponed,
)
from integration_pipeline.credentials.keys import InvalidKeys, Keyring, new_key
from integration_pipeline.credentials.refreshing import Timing
from integration_pipeline.credentials.vendors import (
    QUICKBOOKS,
    XERO,
    Endpoints,
    OAuthApp,
    Vendor,
    VendorOAuth,
)

__all__ = [
    "QUICKBOOKS",
    "XERO",
    "Bearer",
    "BrokenConnection",
    "ConnectionAuth",
    "ConnectionUnusable",
    "Connections",
    "Endpoints",
    "InvalidKeys",
    "Keyring",
    "NotConnected",
    "OAuthApp",
    "RefreshPostponed",
    "Timing",
    "Vendor",
    "VendorOAuth",
    "new_key",
]
