"""Billing as arithmetic: contract terms in, billing schedule out.

Belongs here: money, civil periods, prices, proration, revenue treatment, and the explanation of every
line. Does not belong here: reading or writing anything, the clock, logging, CRM fields, ledger accounts.
The room imports nothing else of this package, so that every figure can be checked from its inputs alone.
"""
