"""Render jobs: submit, status, events, download, cancel, preview."""
