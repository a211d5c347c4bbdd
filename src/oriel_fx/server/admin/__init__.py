"""What operators see and do: plain functions for `oriel admin`, and the pages at /admin that call the same ones."""
