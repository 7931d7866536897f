"""OAuth 2 as Intuit does it: who may log in, codes, access tokens, refresh tokens whose value changes."""
