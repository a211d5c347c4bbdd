"""Accounts: registering, logging in, tokens, and who may call what."""
