"""Imports of avatar_core are fast, and load no module that they do not need."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import avatar_core
import avatar_core.testing

CORE = Path(avatar_core.__file__).parent
PACKAGES: tuple[Any, ...] = (avatar_core, avatar_core.testing)
INTERNAL = {
    ("Candidate", "AvatarSession"),  # only create_avatar calls the constructor
    ("Executor", "AvatarWorker"),  # tests of core alone choose one
}
"""Classes in public signatures that no user has to name, with the place."""

PROBE = """
import json, sys, time
before = time.process_time()
{statement}
took_s = time.process_time() - before
try:
    status = open("/proc/self/status").read()
    peak_mb = int(status.split("VmHWM:")[1].split()[0]) / 1024
except (OSError, IndexError):
    peak_mb = None
loaded = sorted({{name.partition(".")[0] for name in sys.modules}})
print(json.dumps({{"took_s": took_s, "peak_mb": peak_mb, "loaded": loaded}}))
"""
HEAVY = {
    *("aiohttp", "httpx", "jwt", "livekit", "numpy", "psutil", "pydantic", "pydantic_settings"),
    *("rich", "soxr", "stevedore", "tenacity", "typer", "websockets"),
}


def probe(statement: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(statement=statement)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def best_of(count: int, statement: str) -> dict[str, Any]:
    """The process that took the least CPU time; the machine may be busy."""
    return min((probe(statement) for _ in range(count)), key=lambda seen: seen["took_s"])


def test_import_avatar_core_is_fast_and_loads_no_heavy_module() -> None:
    seen = best_of(5, "import avatar_core")
    assert not HEAVY & set(seen["loaded"])
    assert "typing" not in {*seen["loaded"]} - {*probe("pass")["loaded"]}
    assert seen["took_s"] < 0.02
    assert seen["peak_mb"] is None or seen["peak_mb"] < 40


def test_import_of_avatar_provider_does_not_load_livekit() -> None:
    seen = best_of(5, "from avatar_core import AvatarProvider, ProviderSettings")
    assert not {"livekit", "httpx", "stevedore"} & set(seen["loaded"])
    bare = best_of(5, "from avatar_core import AvatarProvider")
    assert not HEAVY & set(bare["loaded"])
    assert bare["took_s"] < 0.3


def test_importing_create_avatar_costs_little_more_than_livekit_agents() -> None:
    theirs = best_of(2, "import livekit.agents")
    seen = best_of(2, "from avatar_core import create_avatar")
    assert not {"typer", "rich", "skia", "pytest"} & set(seen["loaded"]) - set(theirs["loaded"])
    assert seen["took_s"] < max(1.3, 1.6 * theirs["took_s"])


def test_contracts_import_only_the_standard_library() -> None:
    modules = "provider audio playback capabilities renderer link wire clock events errors"
    seen = probe("".join(f"import avatar_core.contracts.{name}\n" for name in modules.split()))
    ours = {"avatar_core", "__main__"}
    before = set(probe("pass")["loaded"])
    assert not set(seen["loaded"]) - before - ours - sys.stdlib_module_names


def test_registry_imports_neither_livekit_nor_httpx() -> None:
    seen = probe("import avatar_core.registry.discovery, avatar_core.registry.selection")
    assert not {"livekit", "httpx", "stevedore"} & set(seen["loaded"])


def test_testing_package_imports_without_pytest() -> None:
    seen = best_of(5, "import avatar_core.testing")
    assert not (HEAVY | {"pytest"}) & set(seen["loaded"])
    names = ", ".join(avatar_core.testing.__all__)
    block = "sys.modules.update(dict.fromkeys(['pytest', '_pytest', 'hypothesis']))"
    assert "livekit" in probe(f"{block}; from avatar_core.testing import {names}")["loaded"]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: str(package.__name__))
def test_public_names_agree_in_all_and_in_type_checking_imports(package: ModuleType) -> None:
    tree = ast.parse(Path(str(package.__file__)).read_text())
    for_checkers = {
        (alias.asname or alias.name): (node.module or "").removeprefix("avatar_core.")
        for block in tree.body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    homes = {name: home for home, names in package._HOMES.items() for name in names.split()}
    assert for_checkers == homes
    assert sorted(homes) == sorted(package.__all__)
    assert sum(len(names.split()) for names in package._HOMES.values()) == len(homes)
    assert isinstance(
        next(
            node.value
            for node in tree.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        ),
        ast.List,
    )


def test_root_and_testing_packages_share_no_public_name() -> None:
    assert not set(avatar_core.__all__) & set(avatar_core.testing.__all__)
    assert not [home for home in avatar_core._HOMES if home.startswith("testing")]


@pytest.mark.parametrize(
    ("package", "name"),
    [(package, name) for package in PACKAGES for name in package.__all__],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_public_name_can_be_imported(package: ModuleType, name: str) -> None:
    found = getattr(package, name)
    assert name in dir(package)
    if inspect.isclass(found) or inspect.isfunction(found):
        assert found.__name__ == name


def test_error_for_an_unknown_public_name_suggests_the_nearest() -> None:
    assert isinstance(avatar_core.__version__, str)
    for package, wrong, right in [
        (avatar_core, "creat_avatar", "create_avatar"),
        (avatar_core.testing, "Conversaton", "Conversation"),
    ]:
        with pytest.raises(AttributeError, match=f"'{wrong}'. Did you mean '{right}'"):
            getattr(package, wrong)
    with pytest.raises(AttributeError, match=r"has no attribute '_nothing'$"):
        _ = avatar_core._nothing  # type: ignore[attr-defined]


def test_every_class_in_a_public_signature_is_public() -> None:
    classes = {
        node.name
        for path in CORE.rglob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    }
    private = classes - set(avatar_core.__all__)
    used = {
        (word, where)
        for name in avatar_core.__all__
        for where, annotation in annotations_of(getattr(avatar_core, name))
        for word in re.findall(r"\w+", annotation)
        if word in private
    }
    assert used == INTERNAL


def annotations_of(found: Any) -> Iterator[tuple[str, str]]:
    """The annotations of a function, or of the public fields and methods of a class."""
    if inspect.isfunction(found):
        yield from ((found.__name__, str(hint)) for hint in found.__annotations__.values())
    if not inspect.isclass(found):
        return
    for base in found.__mro__:
        if base.__module__.partition(".")[0] != "avatar_core":
            continue
        for name, hint in vars(base).get("__annotations__", {}).items():
            if not name.startswith("_"):
                yield f"{found.__name__}.{name}", str(hint)
        for name, value in vars(base).items():
            method = value.fget if isinstance(value, property) else value
            method = getattr(method, "__func__", method)
            if inspect.isfunction(method) and (name == "__init__" or not name.startswith("_")):
                where = found.__name__ if name == "__init__" else f"{found.__name__}.{name}"
                yield from ((where, str(hint)) for hint in method.__annotations__.values())
