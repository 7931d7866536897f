"""PostgreSQL: tables, migrations, engines, and the embedded server. No billing rule and no vendor lives here."""
