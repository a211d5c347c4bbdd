"""The `oriel` command."""
