"""QuickBooks Online as a target: what is sent to a company there, and what is read from it."""
