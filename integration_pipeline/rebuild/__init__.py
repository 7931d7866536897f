"""The books made again from what came in and what persons decided, and held against the books as they are.

Taken over as recorded facts: raw records, usage events, mapping and rule set versions, released quarantine
rows, movements of money, what persons said about them, the moment and order of posting, of settling and of
releasing months, civil days, and surrogate keys. Everything else is computed anew by the stages themselves,
in a scratch database, and compared. Intents of accounting systems are left out: a rebuild sends nothing.

Belongs here: reading the facts (`facts`, `acts`), their order (`order`), repeating them (`replay`), comparing
(`compare`), showing both side by side (`side_by_side`). Does not belong here: the stages (`pipeline`),
whether the books hold in themselves (`pipeline.standing`).
"""
