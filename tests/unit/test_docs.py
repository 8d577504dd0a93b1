"""What the documentation says exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from avatar_provider_local import LocalSettings
from avatar_provider_mock import MockSettings

import avatar_core
from avatar_core.settings import AvatarSettings, Settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
SETTINGS: tuple[type[Settings], ...] = (AvatarSettings, LocalSettings, MockSettings)


def variables() -> set[str]:
    return {kind.variable_of(name) for kind in SETTINGS for name in kind.model_fields}


def blocks(page: Path) -> Iterator[str]:
    yield from re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_compiles_and_asks_for_what_there_is(page: Path) -> None:
    for block in blocks(page):
        compile(block, page.name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        for name in re.findall(r"\bavatar_core\.(\w+)", block):
            assert hasattr(avatar_core, name), f"{page.name} asks for avatar_core.{name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s#]+)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_variables_are_settings(page: Path) -> None:
    named = set(re.findall(r"\bAVATAR_[A-Z_]*[A-Z]\b", page.read_text()))
    groups = {"AVATAR_MOCK"} if page.name == "README.md" else set()
    assert named - groups <= variables()


def test_the_pages_hold_something_to_test() -> None:
    assert sum(len(list(blocks(page))) for page in PAGES) >= 3
