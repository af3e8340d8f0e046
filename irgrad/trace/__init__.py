"""Tracing: running a plain NumPy function on stand-ins that record a graph."""
