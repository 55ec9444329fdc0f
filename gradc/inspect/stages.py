"""A function and a stage of its compilation -> the text of that stage."""

# A compiled function shows its latest program to this room.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from gradc.compiler.capture import Captured
from gradc.compiler.function import CompiledFunction
from gradc.compiler.native import Executable
from gradc.errors import ArgumentError, ArgumentTypeError
from gradc.inspect.derivative import with_gradient
from gradc.inspect.example import example_tensors
from gradc.inspect.listing import Listing
from gradc.ir.graph import Graph, Role, Section
from gradc.ir.show import show
from gradc.passes.dead import dead
from gradc.passes.pipeline import optimise
from gradc.schedule.describe import describe

if TYPE_CHECKING:
    from gradc.compiler.cuda_native import CudaExecutable
    from gradc.compiler.target import AnyProgram

STAGES = ("graph", "gradient", "plan", "source")
MADE_FOR_TARGETS = ("plan", "source")
TARGETS = ("cpu", "cuda")


def explain(
    function: Callable[..., Any],
    *example_args: Any,
    stage: str = "graph",
    target: str | None = None,
) -> Listing:
    """Return one stage of a function's compilation as text.

    - "graph": what was traced from the user's code: the forward computation, equation by equation.
    - "gradient": the forward computation with its derivative, simplified. For a function that
      calls `backward()` itself, such as a whole training step, that is all of its program,
      updates included; for any other, reverse mode by the parameters it uses, or by its floating
      arguments where it uses none.
    - "plan": kernels, buffers, and what is kept or computed again, with the reasons.
    - "source": the generated Python.

    Where results want gradients, so that `backward()` may be called on them later, plan and
    source have two parts: the forward program, and the one that `backward()` runs.

    Args:
        function: a compiled function, or any function of tensors.
        example_args: arguments to trace it with; a compiled function that was called, or that has
            `example_inputs`, needs none. It is traced and compiled, never run.
        stage: "graph", "gradient", "plan" or "source".
        target: "cpu" or "cuda", for plan and source: what they are made for. None for the device
            of the arguments. No GPU is needed to look at what a function becomes on one.

    Returns:
        The text, a str that a prompt shows as it is.

    Raises:
        ArgumentError: for another stage or target, a target for a stage that is the same for
            all, or when there are no example arguments.

    Example:
        >>> import gradc
        >>> def energy(x):
        ...     return (x * x).sum()
        >>> gradc.explain(energy, gradc.zeros(3), stage="graph").splitlines()[0]
        'energy(x: float32[3]):'
    """
    if stage not in STAGES:
        names = ", ".join(map(repr, STAGES))
        raise ArgumentError(f"explain: stage must be one of {names}; got {stage!r}")
    check_target(stage, target)
    return Listing(stage_text(program_of(function, *example_args), stage, target))


def check_target(stage: str, target: str | None) -> None:
    """Raise unless a stage can be shown for a target."""
    if target is None:
        return
    if target not in TARGETS:
        raise ArgumentError(f"explain: target must be 'cpu' or 'cuda'; got {target!r}")
    if stage not in MADE_FOR_TARGETS:
        raise ArgumentError(
            f"explain: stage {stage!r} is the same for every target", hint="leave target out"
        )


def stage_text(program: AnyProgram, stage: str, target: str | None = None) -> str:
    """Return one stage of a program as text, for the device that it runs on or for a target."""
    if target is not None and target != program.captured.device.type:
        from gradc.inspect.target import target_text  # it loads what the other target needs

        return target_text(program, stage, target)
    match stage:
        case "graph":
            return show(forward(program.captured.graph))
        case "gradient":
            return show(gradient(program))
        case "plan":
            parts = [describe(code.plan, code.emitted.names) for code in halves(program)]
            return "\n\n".join(parts)
        case _:
            return "\n\n\n".join(code.emitted.source.rstrip() for code in halves(program))


def halves(program: AnyProgram) -> tuple[Executable | CudaExecutable, ...]:
    """Return the whole step; or, where results want gradients, its forward and backward half."""
    backward = program.backward
    return (program.code,) if backward is None else (program.code, backward.code)


def program_of(function: Any, *example_args: Any) -> AnyProgram:
    """Return the program of a function for these arguments, compiled if need be, never run.

    Raises:
        ArgumentTypeError: `function` can't be called.
        ArgumentError: there are no arguments to trace it with.
    """
    if not callable(function):
        kind = cast("object", function).__class__.__name__
        raise ArgumentTypeError(
            f"explain: expected a function, got {kind}", hint="pass the function itself"
        )
    compiled = function if isinstance(function, CompiledFunction) else None
    if compiled is None:
        compiled = CompiledFunction(function, None, None)
    if not example_args:
        if compiled._newest is not None:
            return compiled._latest()
        if compiled.example_inputs is not None:
            example_args = example_tensors(compiled.example_inputs)
        elif needed := required(compiled.function):
            raise ArgumentError(
                f"explain: {compiled.name} takes {', '.join(needed)}: arguments to trace it with "
                "are needed",
                hint=f"gradc.explain({compiled.name}, {', '.join(needed)}, stage=...)",
            )
    return compiled.build(*example_args)


def required(function: Callable[..., Any]) -> list[str]:
    """Return the names of the positional parameters that have no default."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    try:
        parameters = inspect.signature(getattr(function, "forward", function)).parameters.values()
    except (TypeError, ValueError):
        # Some builtins don't tell.
        return []
    return [p.name for p in parameters if p.kind in positional and p.default is p.empty]


def forward(graph: Graph) -> Graph:
    """Return the part of a traced graph that the user wrote: no backward pass, no updates by it."""
    equations = tuple(e for e in graph.equations if e.section is Section.FORWARD)
    known = {v for e in equations for v in e.outputs} | set(graph.inputs)
    if len(equations) == len(graph.equations):
        return graph
    updates = tuple((old, new) for old, new in graph.updates if new in known)
    used = {v for e in equations for v in e.inputs} | {old for old, _ in updates}
    roles = graph.roles
    inputs = [v for v in graph.inputs if v in used or roles.get(v, Role.ARGUMENT) is Role.ARGUMENT]
    outputs = tuple(v for v in graph.outputs if v in known)
    return Graph(graph.name, tuple(inputs), equations, outputs, dict(roles), updates)


def gradient(program: AnyProgram) -> Graph:
    """Return the forward computation of a program with its derivative, simplified."""
    captured = program.captured
    if any(e.section is not Section.FORWARD for e in captured.graph.equations):
        return program.plan.graph if program.backward is None else optimise(captured.graph)
    return optimise(dead(with_gradient(captured.graph, differentiable(captured))))


def differentiable(captured: Captured) -> list[int]:
    """Return the positions of the inputs that require grad, or else of the floating arguments."""
    inputs, cells = captured.graph.inputs, captured.cells
    floating = [i for i, v in enumerate(inputs) if v.dtype.is_floating_point]
    wanted = [i for i in floating if inputs[i] in cells and cells[inputs[i]].tensor.requires_grad]
    return wanted or [i for i in floating if i < len(captured.positions)]
