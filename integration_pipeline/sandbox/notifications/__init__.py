"""Signed webhooks of any vendor: events are kept until the configured receiver has acknowledged them.

Belongs here: what every vendor's webhooks have in common, that is the outbox, retries on the sandbox's clock,
order, the faults of delivery, the endpoints that set and show them. Does not belong here: which change makes
an event, how events become a body, and how that is signed; a vendor says so with its `Compose`.
"""
