"""Which distributions the code of a wheel imports at run time, and which of them it declares."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import distribution, packages_distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

Modules = Mapping[str, str]
"""The code of each module, by its full name."""
OURS = "avatar_"
"""Begins the name of each package of this repository; its distribution has the same name."""
TESTING = "avatar_core.testing"
"""The package that may import what the extra of its last name installs."""
ENTRY_POINTS = {"avatar-demo": {"avatar-provider-local", "avatar-provider-mock"}}
"""Declared distributions that a wheel finds by entry point, and does not import."""


def imports_of(source: str, *, everywhere: bool = True) -> set[str]:
    """Every module, or name in a module, that some code imports at run time.

    Imports for type checkers and relative ones, which stay in the package, are left out.
    `import_module` with a literal name counts.

    Args:
        source: The code.
        everywhere: Include imports in functions, which run later or never.
    """
    found: set[str] = set()
    for node in _run_time_nodes(ast.parse(source), everywhere=everywhere):
        match node:
            case ast.Import(names=names):
                found.update(alias.name for alias in names)
            case ast.ImportFrom(module=str(base), names=names, level=0):
                found.update(f"{base}.{alias.name}" for alias in names)
            case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]):
                if ast.unparse(function).endswith("import_module"):
                    found.add(name)
    return found


@cache
def distributions_of(name: str) -> set[str]:
    """The distributions that hold a module; of a namespace package, those that hold its part.

    Raises:
        LookupError: No installed distribution holds it.
    """
    top, _, rest = name.partition(".")
    if top.startswith(OURS):
        return {canonicalize_name(top)}
    holders = set(_installed().get(top, ()))
    if len(holders) > 1:
        part = f"{top}/{rest.partition('.')[0]}"
        holders = {holder for holder in holders if part in _parts_of(holder)}
    if not holders:
        raise LookupError(f"No installed distribution holds the module {name}.")
    return {canonicalize_name(holder) for holder in holders}


@cache
def needed_by(module: str, source: str, *, everywhere: bool = True) -> dict[str, set[str]]:
    """The distributions that a module imports, each with the imports that need it."""
    needed: dict[str, set[str]] = {}
    own = module.partition(".")[0]
    for name in imports_of(source, everywhere=everywhere):
        if (top := name.partition(".")[0]) != own and top not in sys.stdlib_module_names:
            for holder in distributions_of(name):
                needed.setdefault(holder, set()).add(name)
    return needed


def declared(requires: Iterable[str], extras: Iterable[str] = ()) -> dict[str, set[str]]:
    """The distributions that fields Requires-Dist name, each with its own extras."""
    found: dict[str, set[str]] = {}
    for requirement in map(Requirement, requires):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            found.setdefault(canonicalize_name(requirement.name), set()).update(requirement.extras)
    return found


def undeclared(modules: Modules, requires: Sequence[str]) -> list[str]:
    """The imports of a wheel that it does not declare, a line for each.

    Args:
        modules: All modules of the wheel.
        requires: Its fields Requires-Dist.
    """
    base, with_extra = declared(requires), declared(requires, ["testing"])
    return [
        f"{module} imports {', '.join(sorted(names))}: {holder} is not declared"
        for module, source in sorted(modules.items())
        for holder, names in sorted(needed_by(module, source).items())
        if holder not in (with_extra if _is_testing(module) else base)
    ]


def unused(modules: Modules, requires: Iterable[str]) -> set[str]:
    """The distributions that a wheel declares and does not import."""
    needed = [needed_by(module, source).keys() for module, source in modules.items()]
    return declared(requires, ["testing"]).keys() - set().union(*needed)


def need_the_extra(start: Iterable[str], modules: Modules, core: Sequence[str]) -> list[str]:
    """The imports that fail with avatar-core alone, without its extra `testing`.

    Args:
        start: The modules that somebody imports.
        modules: These, and all of avatar-core.
        core: Fields Requires-Dist of avatar-core.
    """
    base, extra = declared(core), declared(core, ["testing"])
    return [
        f"{module}: {holder}"
        for module in sorted(_loaded_with(start, modules))
        for holder in sorted(needed_by(module, modules[module], everywhere=False))
        if holder in extra and holder not in base
    ]


def _loaded_with(start: Iterable[str], modules: Modules) -> set[str]:
    """These modules, and all among `modules` that they import as they are imported."""
    seen: set[str] = set()
    waiting = list(start)
    while waiting:
        module = waiting.pop()
        if module in modules and module not in seen:
            seen.add(module)
            for name in imports_of(modules[module], everywhere=False):
                parts = name.split(".")
                waiting += [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
    return seen


def _is_testing(module: str) -> bool:
    return f"{module}.".startswith(f"{TESTING}.")


def _run_time_nodes(node: ast.AST, *, everywhere: bool) -> Iterator[ast.AST]:
    """All nodes below one, without the branches that only type checkers see."""
    children: Iterable[ast.AST] = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        children = node.body if isinstance(node.test, ast.UnaryOp) else node.orelse
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not everywhere:
        children = ()
    yield node
    for child in children:
        yield from _run_time_nodes(child, everywhere=everywhere)


@cache
def _installed() -> Mapping[str, list[str]]:
    return packages_distributions()


@cache
def _parts_of(name: str) -> frozenset[str]:
    """The first two parts of the path of each file of a distribution, without suffix."""
    files = distribution(name).files or ()
    return frozenset("/".join(file.parts[:2]).removesuffix(".py") for file in files)
