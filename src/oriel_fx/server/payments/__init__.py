"""Payments: prices, checkout, webhooks, refunds. `gateway.py` is what a payment provider is."""
