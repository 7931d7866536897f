"""Data quality: which rows may go on to become invoices, and why the others may not.

Belongs here: the rules (`rules`, `suites`) and the two evaluators that must agree on them (`native`, `gx`).
Does not belong here: quarantining the rows that fail or releasing them (pipeline), showing verdicts (defs,
console), and constraints of single records that the types of `billing` and `crm` already hold.
"""
