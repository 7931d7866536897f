"""The company's own double-entry books in PostgreSQL: posting rules, posting, and proof that they hold."""
