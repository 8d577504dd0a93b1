"""Reports words of the old vocabulary: python tools/check_vocabulary.py [ROOT].

The terms were private names of this project. They may not return as an identifier, as the name
of a file, or in an error or a log message. `tools/allowed_phrases.txt` lists the phrases in which
such a word has another, common meaning.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from source_text import read_prose, tracked_files

OLD_TERMS = frozenset(
    """
    road roads leaf leafs governor studio hand hands picture pictures foresee withdraw peer peers
    change changes gone lifecycle purchase purchases buy buys buying bought entry entries asked
    told fate fates verdict verdicts answer answers reply replies served words stage stages
    standin standins ear ears dispatcher vetting former evidence reach shapes calling pump
    """.split()
)
OLD_PAIRS = (("put", "out"), ("turns", "up"), ("stand", "in"), ("stand", "ins"), ("take", "over"))
MOST_PHRASES = 20
PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def read_allowed(root: Path) -> list[tuple[str, ...]]:
    """Return the allowed phrases as tuples of terms.

    Raises:
        ValueError: There are more than `MOST_PHRASES`.
    """
    lines = (root / "tools/allowed_phrases.txt").read_text(encoding="utf-8").splitlines()
    phrases = [tuple(line.split()) for line in lines if line and not line.startswith("#")]
    if len(phrases) > MOST_PHRASES:
        raise ValueError(
            f"tools/allowed_phrases.txt lists {len(phrases)} phrases; the limit is {MOST_PHRASES}."
        )
    return phrases


def old_terms(text: str, allowed: list[tuple[str, ...]]) -> list[str]:
    """Return the old terms in an identifier or a message, outside the allowed phrases."""
    parts = [part.lower() for part in PART.findall(text)]
    for phrase in allowed:
        size = len(phrase)
        for start in range(len(parts) - size + 1):
            if tuple(parts[start : start + size]) == phrase:
                parts[start : start + size] = [""] * size
    pairs = [" ".join(pair) for pair in pairwise(parts) if pair in OLD_PAIRS]
    return [part for part in parts if part in OLD_TERMS] + pairs


def find_old_terms(root: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the place, the identifier or message, and the old terms in it."""
    allowed = read_allowed(root)
    for path in tracked_files(root):
        where = str(path.relative_to(root))
        if found := old_terms(where, allowed):
            yield where, "file name", found
    for path in tracked_files(root, "*.py"):
        where = str(path.relative_to(root))
        for line, name in _identifiers(ast.parse(path.read_text(encoding="utf-8"), where)):
            if found := old_terms(name, allowed):
                yield f"{where}:{line}", name, found
    for text in read_prose(root):
        if text.kind in ("error", "log") and (found := old_terms(text.text, allowed)):
            yield text.place, text.text, found


def _identifiers(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 1)
        if isinstance(node, ast.Name):
            yield line, node.id
        elif isinstance(node, ast.Attribute):
            yield line, node.attr
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield line, node.name
        elif isinstance(node, ast.arg | ast.keyword) and node.arg:
            yield line, node.arg
        elif isinstance(node, ast.alias) and node.asname:
            yield line, node.asname


def main() -> int:
    """Print the findings; return 1 if there are any."""
    found = list(find_old_terms(Path(*sys.argv[1:2])))
    for place, text, terms in found:
        print(f"{place}: {text!r}: {', '.join(terms)}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
