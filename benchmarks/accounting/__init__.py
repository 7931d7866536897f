"""How posting to accounting systems holds up: lost answers, documented limits, the way from a webhook, a
whole data set. Each is a program: `python -m benchmarks.accounting.lost_answers --help`.

Belongs here: load, faults and figures. Does not belong here: what is posted and how (`integration_pipeline`).
"""
