"""An imitation of one Stripe account: its v1 API as of the API version it names, its events and its webhooks.

Belongs here: what Stripe answers and what happens in an account when money moves. Does not belong here:
faults, the clock and the delivery of webhooks, which all vendors share.
"""
