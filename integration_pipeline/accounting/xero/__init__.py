"""Xero as a target: what is sent to an organisation there, and what is read from it."""
