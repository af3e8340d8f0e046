"""Reverse mode: the adjoint of a graph, as more nodes of the same ops."""
