"""Scheduling: from a graph to loops. Fuse, place every value, lower to a Program."""
