"""Revenue recognition: when the price of a contract is earned, and what the books say meanwhile (ASC 606).

A file per step: `obligations` and `allocation` (what was promised, at which share of the price), `curves` and
`recognition` (when it is earned), `modifications` and `repricing` (what a change does), `events`, `balances`
and `entries` (the contract in the books), `releases` and `reconciliation` (invoice lines, month by month).
Does not belong here: prices, invoices and credits themselves, or a ledger's accounts and storage.
"""
