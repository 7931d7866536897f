"""The inbox: announced changes, from their receipt until they are settled.

Belongs here: keeping events, claiming them, what is still open. Does not belong here: HTTP (`gateway`), what
settles an event (`realtime`, or a Dagster run).
"""
