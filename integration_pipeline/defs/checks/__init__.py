"""Asset checks: what the suites found (`rows`), and whether the books hold (`books`)."""
