"""Mail: the outbox in the database, and what carries it. `base.py` is what carriers are."""
