"""Closed CRM deals become correct invoices in the books: exactly once, explained, by your own rules."""
