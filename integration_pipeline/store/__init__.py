"""PostgreSQL: tables, migrations, and the embedded server. No billing rule and no vendor lives here."""
