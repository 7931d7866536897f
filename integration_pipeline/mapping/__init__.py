"""CRM fields in, contract terms out, as a company's own YAML says. No I/O but reading that file."""
