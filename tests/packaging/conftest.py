"""Wheels built from copies of this tree, and an environment that holds nothing but them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from configparser import ConfigParser
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECTS = {
    "avatar-core": ROOT,
    "avatar-demo": ROOT / "demo",
    "avatar-provider-anam": ROOT / "examples/providers/anam",
    "avatar-provider-lemonslice": ROOT / "examples/providers/lemonslice",
    "avatar-provider-local": ROOT / "providers/local",
    "avatar-provider-mock": ROOT / "providers/mock",
    "avatar-provider-orb": ROOT / "examples/own_provider",
    "avatar-provider-tavus": ROOT / "providers/tavus",
}
"""Every distribution of this repository, and its folder."""
OUTSIDE = "avatar-provider-orb"
"""Built from a copy elsewhere: it must need nothing of this tree."""
LITTER = shutil.ignore_patterns("__pycache__", "*.egg-info", "dist", "build")
INSTALL_S = 300.0


@dataclass(frozen=True)
class Wheel:
    """A built wheel and what it holds."""

    path: Path

    @property
    def names(self) -> set[str]:
        """Every file in it."""
        with zipfile.ZipFile(self.path) as archive:
            return set(archive.namelist())

    @cached_property
    def metadata(self) -> Message:
        """The fields of METADATA."""
        return Parser().parsestr(self.info("METADATA"))

    @property
    def requires(self) -> list[str]:
        """The fields Requires-Dist."""
        return self.metadata.get_all("Requires-Dist", [])

    @cached_property
    def modules(self) -> dict[str, str]:
        """The code of each module by its full name; `a/b/__init__.py` is `a.b`."""
        with zipfile.ZipFile(self.path) as archive:
            return {
                path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): (
                    archive.read(path).decode()
                )
                for path in archive.namelist()
                if path.endswith(".py")
            }

    @property
    def entry_points(self) -> dict[str, dict[str, str]]:
        """The entry points by group and name."""
        parser = ConfigParser(delimiters="=")
        parser.read_string(self.info("entry_points.txt"))
        return {group: dict(parser[group]) for group in parser.sections()}

    def info(self, file: str) -> str:
        """The text of a file of its dist-info folder."""
        with zipfile.ZipFile(self.path) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith(f".dist-info/{file}"))
            return archive.read(name).decode()


@dataclass(frozen=True)
class CleanEnvironment:
    """A virtual environment of its own, away from this tree."""

    home: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def command(self, program: Path | str, *arguments: str) -> list[str]:
        """Runs a program in it: no PYTHONPATH, no user site, no folder of ours on the path."""
        name = ["-c", program] if isinstance(program, str) else [str(program)]
        return [str(self.python), "-I", *name, *arguments]

    def variables(self, **settings: str) -> dict[str, str]:
        """The environment variables of such a program: those of the machine, none of ours."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {**kept, **settings}

    def run(self, program: Path | str, **settings: str) -> str:
        """Run a program to its end; return what it wrote."""
        return ran(self.command(program), cwd=self.home, env=self.variables(**settings))


Build = Callable[[str], Wheel]
"""Builds the wheel of a project by its name."""


def ran(command: list[str], cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Run a command; fail with all it said where it fails."""
    done = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, timeout=INSTALL_S, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


def uv(*arguments: str) -> str:
    """Run uv: on what set-up left in its cache, or else with the package index."""
    found = shutil.which("uv", path=os.pathsep.join((os.environ["PATH"], f"{sys.prefix}/bin")))
    assert found, "uv is missing: run tools/setup.sh test"
    try:
        return ran([found, "--offline", *arguments])
    except AssertionError:
        return ran([found, *arguments])


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Builds the wheel of a project by way of its sdist, once."""
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
def clean(build: Build, tmp_path_factory: pytest.TempPathFactory) -> CleanEnvironment:
    """The wheels of avatar-core and of the provider from outside, and what they require."""
    home = tmp_path_factory.mktemp("clean") / "venv"
    environment = CleanEnvironment(home)
    python = os.environ.get("PACKAGING_PYTHON", sys.executable)
    uv("venv", "--quiet", "--no-python-downloads", "--python", python, str(home))
    wheels = (f"{build('avatar-core').path}[testing]", str(build(OUTSIDE).path))
    constraints = ("--constraint", str(ROOT / "constraints.txt"))
    uv("pip", "install", "--quiet", "--python", str(environment.python), *constraints, *wheels)
    return environment
