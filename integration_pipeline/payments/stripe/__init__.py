"""Stripe: what its customers paid, what went back, what it kept and what it paid out. It is only ever read.

A restricted key with read permission for balance, charges, customers, disputes, events, invoices, payment
intents, payouts and refunds is all it needs.
"""
