"""Usage: what was used of a metric in a service period, as exact quantities that can be explained.

Belongs here: usage events, how a metric adds them up, levels that carry over and are prorated, included
units, events that come late. Does not belong here: what a quantity costs (`pricing`), except where a price
depends on when its units came (`prorated_tiers`); storing events.
"""
