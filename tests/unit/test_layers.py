"""avatar_core respects its import layers, and planted violations are reported."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import avatar_core
import avatar_core.testing

ROOT = Path(__file__).parents[2]
CORE = ROOT / "avatar_core"
MAY_IMPORT_AGENTS = ("agents", "testing")


def imports_of(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, wherever in it, with the line."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.lineno


def within(name: str, package: str) -> bool:
    return f"{name}.".startswith(f"{package}.")


def agents_imports(core: Path) -> list[str]:
    """Imports of `livekit.agents` where they may not be; import-linter sees only `livekit`."""
    return [
        f"{path.relative_to(core)}:{line}"
        for path in sorted(core.rglob("*.py"))
        if path.relative_to(core).parts[0] not in MAY_IMPORT_AGENTS
        for name, line in imports_of(path)
        if within(name, "livekit.agents") or within(name, "livekit.plugins")
    ]


def provider_imports(core: Path) -> list[str]:
    """Imports of providers by core; import-linter would need the name of each provider."""
    return [
        f"{path.relative_to(core)}:{line}: {name}"
        for path in sorted(core.rglob("*.py"))
        for name, line in imports_of(path)
        if name.startswith("avatar_provider_")
    ]


def private_imports(providers: Path) -> list[str]:
    """Imports by a provider of internal names of core, or of another provider."""
    return [
        f"{path.relative_to(providers)}:{line}: {name}"
        for path in sorted(providers.glob("*/src/**/*.py"))
        for name, line in imports_of(path)
        if (within(name, "avatar_core") and name not in public(path, providers))
        or (name.startswith("avatar_provider_") and not within(name, own_package(path, providers)))
    ]


def public(path: Path, providers: Path) -> set[str]:
    """The names that a file may import; fakes, simulators and the mock may import `testing` too."""
    package, *rest = path.relative_to(providers).parts[2:]
    modules = [avatar_core]
    if package == "avatar_provider_mock" or "simulator" in rest or rest == ["fake.py"]:
        modules.append(avatar_core.testing)
    names = {f"{module.__name__}.{name}" for module in modules for name in module.__all__}
    return names | {"avatar_core", "avatar_core.__version__"}


def own_package(path: Path, providers: Path) -> str:
    return path.relative_to(providers).parts[2]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    lint_imports = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [lint_imports, "--config", ".importlinter", "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
    )


def find_strings(folder: Path) -> subprocess.CompletedProcess[str]:
    script = ROOT / "tools/check_module_strings.py"
    return subprocess.run(
        [sys.executable, script, folder], capture_output=True, text=True, timeout=60
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(CORE, tmp_path / "avatar_core", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


def plant(copy: Path, module: str, line: str) -> None:
    path = copy / "avatar_core" / module
    path.parent.mkdir(parents=True, exist_ok=True)
    for package in path.parents[: len(path.relative_to(copy).parts) - 1]:
        (package / "__init__.py").touch()
    path.touch()
    path.write_text(f"{path.read_text()}\n{line}\n")


def test_package_respects_its_import_layers(copy: Path) -> None:
    done = lint(copy)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "line", "said"),
    [
        ("contracts/clock.py", "import livekit.rtc", "avatar_core.contracts.clock -> livekit"),
        (
            "contracts/clock.py",
            "import avatar_core.registry.discovery",
            "avatar_core.contracts.clock -> avatar_core.registry.discovery",
        ),
        ("contracts/clock.py", "import numpy", "avatar_core.contracts.clock -> numpy"),
        (
            "contracts/clock.py",
            "def late():\n    from avatar_core.settings import Settings",
            "avatar_core.contracts.clock -> avatar_core.settings",
        ),
        (
            "playback/player.py",
            "import avatar_core.provisioning.lease",
            "avatar_core.playback.player -> avatar_core.provisioning.lease",
        ),
        (
            "provisioning/lease.py",
            "import avatar_core.failover.health",
            "avatar_core.provisioning.lease -> avatar_core.failover.health",
        ),
        (
            "worker/pacer.py",
            "def late():\n    from avatar_core.testing.faults.scenario import Scenario",
            "avatar_core.worker.pacer -> avatar_core.testing.faults.scenario",
        ),
        (
            "agents/session.py",
            "import avatar_core.testing.room.room",
            "avatar_core.agents.session -> avatar_core.testing.room.room",
        ),
        (
            "testing/conversation.py",
            "import avatar_core.cli.doctor",
            "avatar_core.testing.conversation -> avatar_core.cli.doctor",
        ),
        ("net.py", "import avatar_core.tasks", "avatar_core.net -> avatar_core.tasks"),
        (
            "provisioning/tokens.py",
            "import livekit.api",
            "avatar_core.provisioning.tokens -> livekit",
        ),
        ("provisioning/tokens.py", "import httpx", "avatar_core.provisioning.tokens -> httpx"),
        (
            "provisioning/tokens.py",
            "from avatar_core import Take",
            "provisioning.tokens -> avatar_core",
        ),
        ("surprise/planted.py", "", "surprise"),
    ],
)
def test_forbidden_import_is_reported_by_name(
    copy: Path, module: str, line: str, said: str
) -> None:
    plant(copy, module, line)
    done = lint(copy)
    assert done.returncode == 1, done.stdout + done.stderr
    assert said in done.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("http/planted.py", "import httpx"),
        ("rtc/planted.py", "import livekit.rtc\nimport avatar_core.registry.discovery"),
        ("agents/planted.py", "import livekit.agents\nimport avatar_core.rtc.link"),
        ("bases/planted.py", "import avatar_core.http"),
        ("testing/planted.py", "import livekit.rtc\nimport avatar_core.agents.session"),
        ("cli/planted.py", "import avatar_core.testing.server"),
    ],
)
def test_allowed_import_is_not_reported(copy: Path, module: str, line: str) -> None:
    plant(copy, module, line)
    done = lint(copy)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "line",
    [
        'ENTRY = "avatar_core.rtc.link"',
        'RENDERER = "avatar_core.testing.flash_renderer:FlashRenderer"',
        'NAME = f"avatar_core.rtc.link:{1}"',
        'def late(load):\n    return load("avatar_core.agents")',
        'import importlib\nimportlib.import_module(".rtc", "avatar_core")',
    ],
)
def test_module_name_in_a_string_is_reported(copy: Path, line: str) -> None:
    plant(copy, "worker/pacer.py", line)
    found = find_strings(copy)
    assert found.returncode == 1, found.stdout + found.stderr
    assert found.stdout.startswith("avatar_core/worker/pacer.py:")
    assert found.stdout.count("\n") == 1


@pytest.mark.parametrize(
    "line",
    [
        'import logging\nlog = logging.getLogger("avatar_core.worker")',
        '"""See avatar_core.rtc.link."""',
        'GROUP = "avatar_core.providers"',
    ],
)
def test_string_that_names_no_module_is_not_reported(copy: Path, line: str) -> None:
    plant(copy, "worker/pacer.py", line)
    found = find_strings(copy)
    assert found.returncode == 0, found.stdout + found.stderr


def test_only_agents_and_testing_import_livekit_agents(tmp_path: Path) -> None:
    assert not agents_imports(CORE)
    for module in ("rtc", "agents"):
        (tmp_path / module).mkdir()
        (tmp_path / module / "x.py").write_text("def f():\n    from livekit import agents")
    assert agents_imports(tmp_path) == ["rtc/x.py:2"]


def test_core_imports_no_provider(tmp_path: Path) -> None:
    assert not provider_imports(CORE)
    (tmp_path / "x.py").write_text("def f():\n    from avatar_provider_mock import MockSettings")
    assert provider_imports(tmp_path) == ["x.py:2: avatar_provider_mock.MockSettings"]


def test_providers_import_only_public_names(tmp_path: Path) -> None:
    assert not private_imports(ROOT / "providers")
    for name in (
        "a/src/avatar_provider_a/simulator/__init__.py",
        "b/src/avatar_provider_b/fake.py",
        "mock/src/avatar_provider_mock/__init__.py",
    ):
        module = tmp_path / name
        module.parent.mkdir(parents=True)
        module.write_text(
            "from avatar_core.testing import FakeVendor\n"
            "from avatar_core.testing.fake_vendor.fake import reply\n"
        )
    (tmp_path / "a/src/avatar_provider_a/__init__.py").write_text(
        "from avatar_core import Take\n"
        "from avatar_provider_a.api import X\n"
        "from avatar_core.settings import ProviderSettings\n"
        "import avatar_core.contracts.wire\n"
        "from avatar_provider_b import Y\n"
        "from avatar_core.testing import FakeVendor\n"
        "from avatar_core import FakeVendor\n"
    )
    assert private_imports(tmp_path) == [
        "a/src/avatar_provider_a/__init__.py:3: avatar_core.settings.ProviderSettings",
        "a/src/avatar_provider_a/__init__.py:4: avatar_core.contracts.wire",
        "a/src/avatar_provider_a/__init__.py:5: avatar_provider_b.Y",
        "a/src/avatar_provider_a/__init__.py:6: avatar_core.testing.FakeVendor",
        "a/src/avatar_provider_a/__init__.py:7: avatar_core.FakeVendor",
        *(
            f"{module}:2: avatar_core.testing.fake_vendor.fake.reply"
            for module in (
                "a/src/avatar_provider_a/simulator/__init__.py",
                "b/src/avatar_provider_b/fake.py",
                "mock/src/avatar_provider_mock/__init__.py",
            )
        ),
    ]
