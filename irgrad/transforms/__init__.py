"""Transforms of functions: they act on traced values, so they nest freely, and compile as one."""

from irgrad.transforms.reverse import inline_value_and_grad

__all__ = ["inline_value_and_grad"]
