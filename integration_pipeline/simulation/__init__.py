"""Billing over months before it happens: what contracts will invoice, collect and earn.

Belongs here: figures by month from planned documents, their CSV, JSON and chart. Does not belong here:
planning the documents or recognizing revenue (`billing`), reading arguments and files (`cli`).
"""
