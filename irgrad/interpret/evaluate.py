"""Evaluating a graph on ndarrays; the evaluator stands in ``ir``, where control ops reach it."""

from __future__ import annotations

from irgrad.ir.evaluate import bind_sizes, concrete_params, evaluate

__all__ = ["bind_sizes", "concrete_params", "evaluate"]
