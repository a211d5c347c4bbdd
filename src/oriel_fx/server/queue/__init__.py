"""Background work. `base.py` is what a queue is; the database stays the truth."""
