"""Closed CRM deals become correct invoices in the books: exactly once, explained, under the company's own rules."""
