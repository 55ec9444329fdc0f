"""`FILE.py:NAME` or `module:object` -> the user's function."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from gradc.cli.failure import CommandError, described

FORM = "FILE.py:NAME or module:object"


def find(target: str) -> Callable[..., Any]:
    """Return the function that a target names; its file is read, not run as a script.

    Raises:
        CommandError: nothing of that name can be had, or it can't be called.
    """
    place, colon, name = target.rpartition(":")
    if not (colon and place and name):
        raise CommandError(f"{target!r} is no target: expected {FORM}")
    module = _file(Path(place)) if place.endswith(".py") or "/" in place else _module(place)
    found: object = module
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            offered = _offered(module)
            hint = f"; it has {', '.join(offered)}" if offered else ""
            raise CommandError(f"{place} has no {name!r}{hint}") from None
    if not callable(found) or isinstance(found, type):
        kind = "class" if isinstance(found, type) else type(found).__name__
        article = "an" if kind[0] in "aeiou" else "a"
        raise CommandError(f"{target} is {article} {kind}, expected a function of tensors")
    return cast("Callable[..., Any]", found)


def _file(path: Path) -> ModuleType:
    """Return the module in a file, with the file's folder on the path as for a script."""
    if not path.is_file():
        raise CommandError(f"there is no file {path}")
    name = path.stem if path.stem not in sys.modules else f"gradc_target_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise CommandError(f"{path} is no Python file: expected {FORM}")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))
    # NOTE: registered before it runs, as `import` does: dataclasses look themselves up there.
    sys.modules[name] = module
    sys.argv = [str(path)]
    with user_code(f"importing {path}"):
        spec.loader.exec_module(module)
    return module


def _module(name: str) -> ModuleType:
    """Return a module, looked for in the working directory too."""
    sys.path.insert(0, str(Path.cwd()))
    try:
        missing = importlib.util.find_spec(name) is None
    except (ImportError, ValueError):
        # A parent package that isn't there, or a name like `..x`.
        missing = True
    if missing:
        raise CommandError(f"there is no module {name!r} here or among the installed packages")
    with user_code(f"importing {name}"):
        return importlib.import_module(name)


@contextlib.contextmanager
def user_code(doing: str) -> Generator[None]:
    """Run the user's code: what it prints goes to stderr, what it raises becomes one sentence."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except CommandError:
        raise
    except SystemExit as error:
        raise CommandError(
            f"{doing}: the code ended the program (SystemExit: {error.code})"
        ) from error
    except Exception as error:
        raise CommandError(f"{doing}: {described(error)}") from error


def _offered(module: ModuleType) -> list[str]:
    """Return the names of the module's own functions, compiled ones first."""
    names = [
        (name, value)
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]
    functions = [(n, v) for n, v in names if callable(v) and not isinstance(v, type)]
    return [n for n, _ in sorted(functions, key=lambda item: not hasattr(item[1], "programs"))][:6]
