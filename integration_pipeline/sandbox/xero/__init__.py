"""An imitation of Xero: sign-in, the Accounting API 2.0 and its webhooks; one file per idea, state in SQLite.

What is documented or was seen in recorded answers says so beside the code; where Xero's words or order of
checks are not known, that is said too. Money is `Decimal` throughout and keeps its digits on the wire.
"""
