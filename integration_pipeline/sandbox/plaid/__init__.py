"""An imitation of Plaid with one bank behind it: items, accounts, transactions as they come, webhooks.

Belongs here: what Plaid answers, and what happens at the bank. Does not belong here: faults, the clock and
the delivery of webhooks, which all vendors share.
"""
