"""Wheels of this repository, and an environment that holds only wheels."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

from tests.packaging.commands import ALONE, WITH_MOCK, Runs, run_commands
from tests.packaging.environment import CleanEnvironment, uv
from tests.packaging.wheels import PROJECTS, ROOT, Build, Wheel

OUTSIDE = "avatar-provider-orb"
"""Built from a copy elsewhere, so that it cannot need files of this repository."""
EXAMPLES = ROOT / "examples/renderers"
"""The folder of the examples whose wheels only `make long` checks."""
LITTER = shutil.ignore_patterns("__pycache__", "*.egg-info", "dist", "build")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the checks of the wheels of `EXAMPLES` as slow."""
    for item in items:
        name = getattr(item, "callspec", None) and item.callspec.params.get("name")
        if name in PROJECTS and PROJECTS[name].is_relative_to(EXAMPLES):
            item.add_marker("slow")


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Build the wheel of a project by way of its sdist, once."""
    built: dict[str, Wheel] = {}

    def build(name: str) -> Wheel:
        if name not in built:
            folder, source = tmp_path_factory.mktemp(name), PROJECTS[name]
            if name == OUTSIDE:
                source = shutil.copytree(source, folder / "source", ignore=LITTER)
            uv("build", "--quiet", "--out-dir", str(folder / "dist"), str(source))
            (path,) = (folder / "dist").glob("*.whl")
            built[name] = Wheel(path)
        return built[name]

    return build


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> CleanEnvironment:
    """An environment of the Python in PACKAGING_PYTHON, by default of the one that runs this."""
    python = os.environ.get("PACKAGING_PYTHON", sys.executable)
    return CleanEnvironment.make(tmp_path_factory.mktemp("clean") / "venv", python)


@pytest.fixture(scope="session")
def runs(build: Build, environment: CleanEnvironment) -> Runs:
    """The commands with avatar-core alone, and then with the mock provider, which is selected."""
    environment.install(str(build("avatar-core").path))
    alone = run_commands(environment, ALONE)
    environment.install(str(build("avatar-provider-mock").path))
    return {**alone, **run_commands(environment, WITH_MOCK, AVATAR_PROVIDER="mock")}


@pytest.fixture(scope="session")
def clean(build: Build, environment: CleanEnvironment, runs: Runs) -> CleanEnvironment:
    """The same environment after `runs`: avatar-core[testing] and a provider from elsewhere."""
    del runs
    environment.uninstall("avatar-provider-mock")
    environment.install(f"{build('avatar-core').path}[testing]", str(build(OUTSIDE).path))
    return environment
