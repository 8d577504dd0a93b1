"""Each wheel declares what it imports, so that an installation alone is enough to run it."""

from __future__ import annotations

import pytest

from tests.packaging.imports import (
    ENTRY_POINTS,
    TESTING,
    declared,
    distributions_of,
    imports_of,
    need_the_extra,
    undeclared,
    unused,
)
from tests.packaging.wheels import PROJECTS, Build

CORE = "avatar-core"
REQUIRES = ["httpx>=0.28", "livekit", "pytest>=8; extra == 'testing'"]


@pytest.mark.parametrize("name", PROJECTS)
def test_wheel_declares_the_requirements_of_its_imports(name: str, build: Build) -> None:
    wheel = build(name)
    assert undeclared(wheel.modules, wheel.requires) == []


@pytest.mark.parametrize("name", PROJECTS)
def test_wheel_imports_every_declared_requirement(name: str, build: Build) -> None:
    wheel = build(name)
    assert unused(wheel.modules, wheel.requires) == ENTRY_POINTS.get(name, set())


@pytest.mark.parametrize("name", PROJECTS)
def test_removed_requirement_is_reported(name: str, build: Build) -> None:
    wheel = build(name)
    for line in wheel.requires:
        removed = "".join(declared([line], ["testing"]))
        if not removed or removed in ENTRY_POINTS.get(name, ()):
            continue  # the extras of the providers install packages that core does not import
        kept = [other for other in wheel.requires if other != line]
        faults = undeclared(wheel.modules, kept)
        assert faults
        assert all(fault.endswith(f": {removed} is not declared") for fault in faults)


@pytest.mark.parametrize("name", PROJECTS)
def test_wheel_imports_without_the_testing_extra(name: str, build: Build) -> None:
    own, core = build(name).modules, build(CORE)
    start = [module for module in own if not module.startswith(TESTING)]
    assert need_the_extra(start, {**core.modules, **own}, core.requires) == []


@pytest.mark.parametrize(
    ("module", "source", "fault"),
    [
        ("a", "import yaml", "a imports yaml: pyyaml is not declared"),
        ("a", "import httpx\nfrom livekit import rtc", ""),
        ("a", "from livekit import rtc, api", "a imports livekit.api: livekit-api is not declared"),
        (
            "a",
            "from livekit.agents import Agent",
            "a imports livekit.agents.Agent: livekit-agents is not declared",
        ),
        ("a", "import avatar_core", "a imports avatar_core: avatar-core is not declared"),
        (
            "a",
            "def f():\n    import psutil.tests",
            "a imports psutil.tests: psutil is not declared",
        ),
        ("a", "from . import yaml\nimport a.b, os.path", ""),
        ("a", "importlib.import_module('av')", "a imports av: av is not declared"),
        ("a", "if TYPE_CHECKING:\n    import yaml", ""),
        ("a", "if not typing.TYPE_CHECKING:\n    import av", "a imports av: av is not declared"),
        ("a", "if TYPE_CHECKING: ...\nelse:\n    import av", "a imports av: av is not declared"),
        ("a", "import pytest", "a imports pytest: pytest is not declared"),
        (f"{TESTING}.clock", "import pytest", ""),
        (
            f"{TESTING}_clock",
            "import pytest",
            f"{TESTING}_clock imports pytest: pytest is not declared",
        ),
    ],
)
def test_undeclared_import_is_reported(module: str, source: str, fault: str) -> None:
    assert undeclared({module: source}, REQUIRES) == ([fault] if fault else [])


def test_unknown_module_raises_lookup_error() -> None:
    with pytest.raises(LookupError, match="no_such_module"):
        distributions_of("no_such_module.sub")


def test_indirect_import_of_the_testing_extra_is_reported() -> None:
    modules = {
        "app": f"import {TESTING}.room",
        f"{TESTING}.room": f"from {TESTING} import clock\ndef late():\n    import pytest",
        f"{TESTING}.clock": "import pytest",
        f"{TESTING}.harness": "import pytest",
    }
    assert need_the_extra(["app"], modules, REQUIRES) == [f"{TESTING}.clock: pytest"]
    modules[f"{TESTING}.clock"] = "def run():\n    import pytest"
    assert need_the_extra(["app"], modules, REQUIRES) == []


def test_imported_names_count_as_modules() -> None:
    source = "import a.b as c\nfrom d.e import f, g\nfrom .h import i"
    assert imports_of(source) == {"a.b", "d.e.f", "d.e.g"}
