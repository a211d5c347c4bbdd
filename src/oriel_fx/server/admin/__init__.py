"""Operators' pages; they come with issue 4."""
