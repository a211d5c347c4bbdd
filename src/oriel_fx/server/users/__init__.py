"""A user's own profile and history."""
