"""SOQL: text to a query (`parser`), a query to SQL (`compiler`), and its rows as records (`running`)."""
