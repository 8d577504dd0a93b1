"""Each package for a vendor is short, has a fake of its vendor, and a page on one pattern."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.testing import FakeVendor

ROOT = Path(__file__).parents[2]
PACKAGES = [fake.parent for fake in sorted(ROOT.glob("providers/*/src/*/fake.py"))]
NAMES = [package.name.removeprefix("avatar_provider_") for package in PACKAGES]
MAX_LINES = 120
HEADINGS = [
    "Set up",
    "Settings",
    "What happens in a call",
    "Faults and costs",
    "Controls",
    "What is not documented",
]


def production_modules(package: Path) -> list[Path]:
    return [path for path in sorted(package.rglob("*.py")) if path.name != "fake.py"]


def lines_of_docstrings(tree: ast.AST) -> Iterator[int]:
    """The lines of all strings that are statements: docstrings, also those of constants."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)


def count_lines(source: str) -> int:
    """The lines with code: without docstrings, comments and blank lines."""
    ignored = {
        *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
        *(tokenize.ENCODING, tokenize.ENDMARKER),
    }
    lines = {
        line
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in ignored
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(lines - set(lines_of_docstrings(ast.parse(source))))


@pytest.mark.parametrize("package", PACKAGES, ids=NAMES)
def test_package_has_at_most_120_lines_without_its_fake(package: Path) -> None:
    assert sum(count_lines(path.read_text()) for path in production_modules(package)) <= MAX_LINES


@pytest.mark.parametrize("package", PACKAGES, ids=NAMES)
def test_fake_is_the_only_fake_vendor_of_its_module_and_production_does_not_import_it(
    package: Path,
) -> None:
    module = import_module(f"{package.name}.fake")
    own = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, FakeVendor)
        and value.__module__ == module.__name__
    ]
    assert len(own) == 1
    for path in production_modules(package):
        assert not re.search(r"\bimport .*\bfake\b|\bfrom .*\bfake\b|\.testing\b", path.read_text())


@pytest.mark.parametrize("name", NAMES)
def test_page_has_the_common_headings_and_every_setting(name: str) -> None:
    page = (ROOT / f"docs/vendors/{name}.md").read_text()
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == HEADINGS
    settings = ProviderRegistry().load(name).settings_cls
    table = page.partition("## Settings")[2].partition("\n## ")[0]
    named = [
        variable
        for row in re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
        for variable in re.findall(r"`(\w+)`", row)
    ]
    fields = [field for field in settings.model_fields if field != "variant"]
    assert sorted(named) == sorted(settings.variable_of(field) for field in fields)


def test_lines_are_counted_without_docstrings_comments_and_blank_lines() -> None:
    lines = ('"""Doc."""', "", "A = 1  # one", '"""Text', 'of A."""', "", "def f() -> str:")
    source = "\n".join((*lines, "    # two", '    return """', '    x"""', ""))
    assert count_lines(source) == 4
