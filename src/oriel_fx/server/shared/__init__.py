"""`oriel render --queue`: several machines draw one video in a folder they share, with Redis and without a database."""
