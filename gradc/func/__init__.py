"""Transforms of functions under the names of torch.func: gradients, products with Jacobians."""

from __future__ import annotations

from typing import Any

from gradc.errors import UnsupportedError
from gradc.func.forward import jvp as jvp
from gradc.func.forward import linearize as linearize
from gradc.func.jacobian import hessian as hessian
from gradc.func.jacobian import jacfwd as jacfwd
from gradc.func.jacobian import jacrev as jacrev
from gradc.func.mapped import vmap as vmap
from gradc.func.reverse import grad as grad
from gradc.func.reverse import grad_and_value as grad_and_value
from gradc.func.reverse import value_and_grad as value_and_grad
from gradc.func.reverse import vjp as vjp
from gradc.func.stateless import functional_call as functional_call
from gradc.func.stateless import stack_module_state as stack_module_state

ABSENT = {
    "functionalize": "gradc.compile, which does that to all in-place operations",
    "replace_all_batch_norm_modules_": "pass the buffers to functional_call",
}


def __getattr__(name: str) -> Any:
    """Say what to use instead of a name that torch.func has and gradc has not."""
    if name in ABSENT:
        raise UnsupportedError(f"gradc.func.{name} is not supported", hint=ABSENT[name])
    raise AttributeError(f"module 'gradc.func' has no attribute {name!r}")
