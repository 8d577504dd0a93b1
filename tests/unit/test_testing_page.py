"""The tests on the page docs/testing.md pass, and its tables contain each name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from avatar_core.testing import FAULT_NAMES, AvatarCall, CallFactory
from avatar_core.testing.call.fixture import MARKER_ARGUMENTS
from tests.support.doc_code import read_blocks

PAGE = Path(__file__).parents[2] / "docs/testing.md"


def run_blocks() -> dict[str, Any]:
    """Execute the Python blocks of the page as one module, with the lines of the page."""
    module: dict[str, Any] = {"__name__": __name__}
    for block in read_blocks(PAGE):
        if block.language == "python":
            exec(compile("\n" * block.line + block.code, str(PAGE), "exec"), module)
    return module


def first_column(header: str) -> list[str]:
    """Return the names in backticks in the first column of the table that has this header."""
    _, _, rest = PAGE.read_text().partition(f"| {header} |")
    rows = rest.partition("\n\n")[0].splitlines()[2:]
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])]


@pytest.fixture(autouse=True)
def _small_face(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_MOCK_WIDTH", "64")
    monkeypatch.setenv("AVATAR_MOCK_HEIGHT", "64")


TESTS = {name: it for name, it in run_blocks().items() if name.startswith("test_")}
globals().update(TESTS)


def test_page_has_a_test_of_each_subject() -> None:
    assert len(TESTS) >= 9


def test_first_test_has_at_most_15_lines() -> None:
    first = next(block for block in read_blocks(PAGE) if block.language == "python")
    assert len([line for line in first.code.splitlines() if line]) <= 15


def test_tables_contain_each_fault_once() -> None:
    listed = first_column("fault of the worker") + first_column("fault of the vendor's API")
    assert sorted(listed) == sorted(FAULT_NAMES)


def test_tables_name_members_that_exist() -> None:
    members = [name.removesuffix("()") for name in first_column("member of the call")]
    own = {*dir(AvatarCall), *get_type_hints(AvatarCall)}
    assert [name for name in members if name not in own] == []
    arguments = first_column("argument of `avatar_call`")
    documented = CallFactory.__call__.__annotations__
    assert [name for name in arguments if name not in documented] == []
    assert all(f"`{name}`" in PAGE.read_text() for name in MARKER_ARGUMENTS)
