"""Faults on order: requests that are delayed, refused, lost or answered with nonsense, by rule and seed.

Belongs here: which request meets which fault (`rules`, `plan`), what the fault does to it (`middleware`,
`connection`), the endpoints that set it (`admin`). Does not belong here: what a vendor refuses of its own
accord (tokens, limits, values), nor how late its search index is (`search_lag_ms` of the limits).
"""
