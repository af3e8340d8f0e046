"""Storing, loading and calling emitted modules."""
