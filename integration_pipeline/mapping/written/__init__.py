"""What people write into one text field: amounts, ramps, price tiers, taxes, payment terms, anchors.

Belongs here: text in, terms out, or `Unreadable` with what would be accepted. Does not belong here: which
field is read for which term (`document`), what a contract makes of it (`charges`, `contracts`).
"""
