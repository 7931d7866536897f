"""One HTTP transport for every vendor: recovery classes, retries of reads, rate limits, metrics.

Nothing here knows a vendor. A vendor's folder brings its own base URL, credentials, limits and the function
that reads its error bodies.
"""
