"""Plaid: the posted lines of our bank accounts, and when there are new ones."""
