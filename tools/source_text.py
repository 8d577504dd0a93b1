"""Reads the prose of the repository: docs, docstrings, errors, hints, logs and test names."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CODE = re.compile(r"`[^`]*`")
END = re.compile(r"(?<=[.!?|])\s+")
LOG = re.compile(r"\blog(ger)?\.(debug|info|warning|error|exception)$")


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of prose.

    Attributes:
        place: `path:line`.
        kind: One of docs, docstring, error, log, test name.
        text: The sentence, message or name.
    """

    place: str
    kind: str
    text: str


def tracked_files(root: Path, *patterns: str) -> list[Path]:
    """Return the files that git tracks or would track, in order.

    Args:
        root: The repository.
        patterns: Patterns of git, like `*.py`.
    """
    command = ["git", "-C", str(root), "ls-files", "-co", "--exclude-standard", *patterns]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [root / line for line in sorted(set(listed.splitlines())) if (root / line).is_file()]


def read_prose(root: Path) -> Iterator[Text]:
    """Yield every piece of prose in the Markdown and Python files of `root`."""
    for path in tracked_files(root, "*.md"):
        yield from _docs(path, str(path.relative_to(root)))
    for path in tracked_files(root, "*.py"):
        yield from _python(path, str(path.relative_to(root)))


def _docs(path: Path, where: str) -> Iterator[Text]:
    code = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
    body = code.sub(lambda block: "\n" * block[0].count("\n"), path.read_text(encoding="utf-8"))
    line = 1
    for block in re.split(r"(\n\s*\n)", body):
        if block.strip() and not block.lstrip().startswith(("|", "#", "!", "<", ":::")):
            for sentence in sentences(block):
                yield Text(
                    f"{where}:{line + block[: len(block) - len(block.lstrip())].count(chr(10))}",
                    "docs",
                    sentence,
                )
        line += block.count("\n")


def _python(path: Path, where: str) -> Iterator[Text]:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    for node in ast.walk(tree):
        place = f"{where}:{getattr(node, 'lineno', 1)}"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
            "test_"
        ):
            yield Text(place, "test name", node.name)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            for sentence in sentences(ast.get_docstring(node) or ""):
                yield Text(place, "docstring", sentence)
        if isinstance(node, ast.Call):
            yield from _messages(node, place)


def _messages(call: ast.Call, place: str) -> Iterator[Text]:
    name = ast.unparse(call.func)
    kind = "error" if name.endswith("Error") else "log" if LOG.search(name) else ""
    if kind:
        for argument in (*call.args[:1], *(k.value for k in call.keywords if k.arg == "hint")):
            if text := literal(argument):
                yield Text(place, kind, text)


def literal(node: ast.expr) -> str:
    """Return the text of a string expression, with `{...}` for what is inserted."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(literal(part) or "{...}" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return literal(node.left) + literal(node.right)
    return ""


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a paragraph, each on one line."""
    for block in re.split(r"\n\s*\n", text):
        line = " ".join(block.split())
        codes = CODE.findall(line)
        for sentence in END.split(CODE.sub("\0", line)):
            while "\0" in sentence:
                sentence = sentence.replace("\0", codes.pop(0), 1)
            if sentence.strip():
                yield sentence.strip()
