"""Turn a module into the indented text that `print(model)` shows."""

# The files of this room share Module's tables.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradc.nn.module import Module


def represent(module: Module) -> str:
    """Return `Name(extra)`, or one indented line per child."""
    return _block(module, [f"({name}): {child!r}" for name, child in module.named_entries()])


def represent_list(module: Module) -> str:
    """Return the text of a list of modules, equal neighbours once: `(0-2): 3 x Linear(...)`."""
    runs: list[tuple[int, int, str]] = []
    for i, (_, child) in enumerate(module.named_entries()):
        text = repr(child)
        if runs and runs[-1][2] == text:
            runs[-1] = (runs[-1][0], i, text)
        else:
            runs.append((i, i, text))
    lines = [
        f"({first}): {text}" if first == last else f"({first}-{last}): {last - first + 1} x {text}"
        for first, last, text in runs
    ]
    return _block(module, lines)


def _block(module: Module, children: list[str]) -> str:
    """Return the module's name with its extra text and children."""
    name = module._get_name()
    extra = module.extra_repr()
    if not children:
        lines = extra.split("\n") if extra else []
        if len(lines) <= 1:
            return f"{name}({extra})"
    else:
        lines = extra.split("\n") if extra else []
    body = "\n".join([*lines, *children])
    indented = "\n".join(f"  {line}" for line in body.split("\n"))
    return f"{name}(\n{indented}\n)"
