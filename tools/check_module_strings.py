"""Finds names of modules in strings, where import-linter cannot see them.

    python tools/check_module_strings.py [FOLDER]

An import that hides in a string ("avatar_core.rtc.link") escapes the order of layers. So no
string in `avatar_core/` may name one of its modules, alone or as `module:name`. Names of loggers
and docstrings may, and the tables of public names in `__init__.py` are relative.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "avatar_core"
MODULE = re.compile(rf"{PACKAGE}(\.\w+)+")
LOGGERS = {"getLogger", "set_level", "at_level"}
IMPORTERS = {"import_module", "__import__", "find_spec", "run_module"}


def find_module_strings(folder: Path) -> Iterator[str]:
    """Yield `path:line: string` for each string that names a module of `folder/avatar_core`."""
    for path in sorted((folder / PACKAGE).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        allowed = set(_docstrings(tree)) | {id(name) for name in _arguments(tree, LOGGERS)}
        relative = {id(name) for name in _arguments(tree, IMPORTERS) if _is_relative(name)}
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
                continue
            for found in MODULE.finditer(node.value):
                if id(node) not in allowed and _is_module(folder, found[0]):
                    yield f"{path.relative_to(folder)}:{node.lineno}: {found[0]}"
            if id(node) in relative:
                yield f"{path.relative_to(folder)}:{node.lineno}: {node.value}"


def _is_module(folder: Path, name: str) -> bool:
    path = folder.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def _docstrings(tree: ast.Module) -> Iterator[int]:
    """Expressions that are a bare string: docstrings, of attributes too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield id(node.value)


def _arguments(tree: ast.Module, functions: set[str]) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in functions:
                yield from node.args


def _is_relative(argument: ast.expr) -> bool:
    value = argument.value if isinstance(argument, ast.Constant) else None
    return isinstance(value, str) and value.startswith(".")


def main() -> int:
    """Print what was found; 1 if there was anything."""
    found = list(find_module_strings(Path(*sys.argv[1:2])))
    for line in found:
        print(f"{line} names a module in a string. Import the module, or pass it as a parameter.")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
