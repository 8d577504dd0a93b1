"""Names, links, defaults and code in the documentation agree with the code."""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from avatar_provider_local import LocalSettings
from avatar_provider_mock import MockSettings

import avatar_core
import avatar_core.testing
from avatar_core.settings import AvatarSettings
from avatar_core.settings.base import Settings
from tests.suites.altered_example import load_module

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / f"{folder}/README.md" for folder in ("demo", "providers/local", "providers/mock")),
]
ERRORS = "avatar_core.contracts.errors"
NEURAL = ROOT / "examples/renderers/neural/src/avatar_provider_neural/settings.py"
SETTINGS: tuple[type[Settings], ...] = (
    AvatarSettings,
    LocalSettings,
    MockSettings,
    load_module(NEURAL).NeuralSettings,
)


def variables() -> set[str]:
    return {kind.variable_of(name) for kind in SETTINGS for name in kind.model_fields}


def defaults() -> dict[str, str]:
    """Of every variable that has one, as a person writes it."""
    fields = [(kind, *field) for kind in SETTINGS for field in kind.model_fields.items()]
    return {
        kind.variable_of(name): f"{field.default:g}"
        if isinstance(field.default, float | int)
        else str(field.default)
        for kind, name, field in fields
        if field.default is not None
    }


def in_code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def documented_defaults(page: Path) -> Iterator[tuple[str, str]]:
    """Variable and default of each row of a table that ends in defaults."""
    for row in re.findall(r"^\| (`AVATAR_.*) \|$", page.read_text(), re.MULTILINE):
        first, *_, last = row.split(" | ")
        names, values = in_code(first), in_code(last)
        if len(names) == len(values):
            group = names[0].rpartition("_")[0]
            yield from zip(
                (group + name if name.startswith("_") else name for name in names),
                values,
                strict=True,
            )


def blocks(page: Path) -> Iterator[str]:
    yield from re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_to_existing_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s#]+)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_documented_variables_are_settings(page: Path) -> None:
    named = set(re.findall(r"\bAVATAR_[A-Z_]*[A-Z]\b", page.read_text()))
    named = {name for name in named if not name.startswith("AVATAR_LIVEKIT")}  # one per plugin
    groups = {"AVATAR_MOCK"} if page.name == "README.md" else set()
    plugins = {name for name in named if name.startswith("AVATAR_LIVEKIT_")}
    assert named - groups - plugins <= variables()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_documented_defaults_equal_those_of_the_settings(page: Path) -> None:
    for name, default in documented_defaults(page):
        assert defaults()[name] == default, f"{page.name} says {name} is {default}"


def test_reference_documents_every_public_name_once() -> None:
    page = (ROOT / "docs/reference.md").read_text()
    of_errors = {name for name in vars(import_module(ERRORS)) if not name.startswith("_")}
    for package in (avatar_core, avatar_core.testing):
        shown = re.findall(rf"^::: {package.__name__}\.(\w+)$", page, re.M)
        expected = [name for name in package.__all__ if name not in of_errors]
        assert sorted(shown) == sorted(expected)
    assert page.count(f"::: {ERRORS}") == 1


def test_documented_providers_can_be_registered() -> None:
    shown = [block for block in blocks(ROOT / "docs/own-provider.md") if "Provider[" in block]
    assert shown
    for block in shown:
        names: dict[str, Any] = {"__name__": "a_page"}
        exec(compile(block, "own-provider.md", "exec"), names)
        for cls in [it for it in names.values() if getattr(it, "api_version", None)]:
            avatar_core.ProviderRegistry().register(cls.name, cls, replace=True)


def test_pages_contain_python_blocks_and_defaults() -> None:
    assert sum(len(list(blocks(page))) for page in PAGES) >= 3
    assert sum(len(list(documented_defaults(page))) for page in PAGES) >= 15


def test_defaults_of_a_providers_attributes_are_those_of_the_code() -> None:
    _, page = (ROOT / "docs/own-provider.md").read_text().split("## A vendor with a REST API")
    rows = re.findall(r"^\| (`[^|]+`) \| [^|]+ \| (`[^|]+`) \|$", page, re.MULTILINE)
    stated = {
        name: literal_eval(default)
        for names, defaults in rows
        for name, default in zip(in_code(names), in_code(defaults), strict=True)
    }
    assert len(stated) == 19
    code = avatar_core.WebSocketAvatarProvider
    assert stated == {name: getattr(code, name) for name in stated}
