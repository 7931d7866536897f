"""The gateway: what others tell us over HTTP, committed before it is acknowledged.

Vendors' webhooks go into the inbox, usage reports into `billing.usage_events`; what follows from them is the
worker's (`integration_pipeline.realtime`). A gateway keeps nothing in memory that is not in the database, so
that any number of them may run, and any of them be killed.

Belongs here: routes, what they refuse, their process. Does not belong here: vendors' formats and signatures
(`crm`, `accounting`, `payments`), settling events, billing.
"""
