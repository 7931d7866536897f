"""Telling people that something needs them: by a message in a chat, by e-mail, or both.

Belongs here: what an alert says, what must not be in it, sending it. Does not belong here: noticing what
people have to be told of (`defs.sensors.alerts`).
"""
