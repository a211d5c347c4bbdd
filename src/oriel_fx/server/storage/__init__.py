"""Files: uploads, videos, posters, chunks. `base.py` is what they all are."""
