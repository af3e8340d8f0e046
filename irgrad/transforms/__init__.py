"""Transforms of functions: they nest freely, and each compiles as one."""

from irgrad.transforms.batching import vmap
from irgrad.transforms.custom import checkpoint, custom_vjp
from irgrad.transforms.gradients import grad, hvp, jvp, value_and_grad, vjp
from irgrad.transforms.jacobians import hessian, jacfwd, jacobian, jacrev

__all__ = [
    "checkpoint",
    "custom_vjp",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "value_and_grad",
    "vjp",
    "vmap",
]
