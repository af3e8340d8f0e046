"""Benchmarks: the same problems through irgrad, hand-written numba and other libraries."""
