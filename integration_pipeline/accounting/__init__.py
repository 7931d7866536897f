"""Accounting targets: a folder each. A target posts documents that passed the gate; it decides nothing."""
