"""Transforms on traced values: each records what it makes in the trace its arguments live in.

So they nest freely, and whatever a compiled function does becomes one graph and one file.
"""
