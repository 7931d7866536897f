"""Webhooks of the sandbox's HubSpot account: what is subscribed, the outbox of events, delivery, its faults.

What changed is told by `changes`; what a receiver does with an event is the receiver's.
"""
