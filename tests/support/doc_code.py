"""The blocks of code in Markdown pages, and their conversion into modules that mypy can check."""

from __future__ import annotations

import ast
import builtins
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

FENCE = re.compile(r"^( *)```([\w-]*)[^\n]*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
PLUGIN = re.compile(r"^from livekit\.plugins import (\w+)$", re.MULTILINE)
PRELUDE: Mapping[str, str] = {
    "ctx": "from livekit.agents import JobContext\nctx: JobContext",
    "session": "from livekit.agents import AgentSession\nsession: AgentSession[None]",
    "avatar": "import avatar_core\navatar: avatar_core.AvatarSession",
    "room": "from livekit import rtc\nroom: rtc.Room",
    **{name: f"{name}: str" for name in ("url", "api_key", "api_secret")},
    **{name: f"from typing import Any\n{name}: Any" for name in ("AcmeSink", "AcmeTracker")},
    "FakeSocket": (
        "from typing import Any\n"
        "class FakeSocket:\n"
        "    on_message: Any\n"
        "    def __getattr__(self, name: str) -> Any: ..."
    ),
}
"""Definitions of the names that a block may use without a definition."""
IMPLIED = {"avatar_core": "import avatar_core"}
"""Modules that a block may use without an import."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code in a page.

    Attributes:
        page: Path of the page.
        line: The line of the fence.
        language: The word after the fence; may be empty.
        code: The code, without indentation of the block.
    """

    page: Path
    line: int
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def read_blocks(page: Path) -> Iterator[Block]:
    """Yield the blocks of a page.

    Args:
        page: Path of the page.
    """
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield Block(page, line, match[2], textwrap.dedent(match[3]))


def defined_names(code: str) -> set[str]:
    """Return the names that the top level of a module binds."""
    found: set[str] = set()
    for node in ast.parse(code).body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(name)
            case ast.ClassDef(name=name):
                found.add(name)
            case ast.Assign(targets=targets):
                found |= {one.id for one in targets if isinstance(one, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
    return found | imported_names(code)


def imported_names(code: str) -> set[str]:
    """Return the names that the imports at the top level of a module bind."""
    return {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.parse(code).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }


def used_names(code: str) -> set[str]:
    """Return the names that a module reads."""
    nodes = ast.walk(ast.parse(code))
    return {
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def as_modules(page: Path, prefix: str) -> dict[str, tuple[Block, str]]:
    """Convert the Python blocks of a page into modules.

    A block with `await` at the top level becomes the body of a function. A block may use the names
    of earlier blocks of its page, and those of `PRELUDE` and `IMPLIED`.

    Args:
        page: Path of the page.
        prefix: The package of the modules.

    Returns:
        The block and the code by the name of the module.
    """
    modules: dict[str, tuple[Block, str]] = {}
    homes: dict[str, str] = {}
    for block in read_blocks(page):
        if block.language != "python":
            continue
        code = PLUGIN.sub(_without_missing, block.code)
        head = ["from __future__ import annotations"]
        missing = used_names(code) - defined_names(code) - set(dir(builtins))
        for name in sorted(missing):
            if name in homes:
                head.append(f"from {prefix}.{homes[name]} import {name} as {name}")
            elif name in IMPLIED:
                head.append(IMPLIED[name])
            elif name in PRELUDE and not _is_bound(code, name):
                head.append(PRELUDE[name])
        if _awaits(code):
            code = "async def _block() -> None:\n" + textwrap.indent(code, "    ")
        module = re.sub(r"\W", "_", f"{page.parent.name}_{page.stem}_{block.line}")
        modules[module] = (block, "\n".join([*head, "", code]))
        homes |= dict.fromkeys(defined_names(code) - {"_block", *imported_names(code)}, module)
    return modules


def _without_missing(statement: re.Match[str]) -> str:
    """Return the import of a plugin of LiveKit, without a type if the plugin is not installed."""
    name = statement[1]
    if find_spec(f"livekit.plugins.{name}") is not None:
        return statement[0]
    return f"from typing import Any as _Any\n{name}: _Any"


def _is_bound(code: str, name: str) -> bool:
    """Return whether a parameter or an assignment anywhere in the code binds a name."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.arg) and node.arg == name:
            return True
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store):
            return True
    return False


def _awaits(code: str) -> bool:
    try:
        compile(code, "block", "exec")
    except SyntaxError:
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        compile(code, "block", "exec", flags)
        return True
    return False
