"""Posting to accounting systems: what the own ledger booked is put there exactly once, and stays the same.

Belongs here: the one writer of each target, claims and attempts, what becomes of an uncertain one, who a
customer is there, and the comparison of both sides. Does not belong here: a vendor's paths and fields
(`accounting`), and booking in the own ledger (`pipeline.post`).
"""

from __future__ import annotations
