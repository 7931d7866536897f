"""The real-time worker: from an event in the inbox to an entry in the books, in a warm process.

Belongs here: the order of work, what is retried when. Does not belong here: the stages (`pipeline`, the same
as every driver's), receiving events (`gateway`), telling Dagster (`defs`).
"""
