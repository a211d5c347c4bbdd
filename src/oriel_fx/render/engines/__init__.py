"""Engines turn frame indices into pixels."""
