"""QuickBooks Online as its Accounting API shows it: companies, their names, items and documents, OAuth 2.

Belongs here: what Intuit answers, computes and refuses of its own accord. Does not belong here: faults on
order, the clock, the delivery of webhooks (`sandbox.faults`, `sandbox.clock`, `sandbox.notifications`).
"""
