"""A virtual environment that holds only wheels, made with uv."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.packaging.wheels import ROOT

INSTALL_S = 300.0


@dataclass(frozen=True)
class CleanEnvironment:
    """A virtual environment away from this repository.

    Attributes:
        home: Its folder.
    """

    home: Path

    @classmethod
    def make(cls, home: Path, python: str) -> Self:
        """Make an empty one.

        Args:
            home: Its folder.
            python: A path or a version, for example 3.12.
        """
        found = find_python(python)
        uv("venv", "--quiet", "--no-python-downloads", "--python", found, str(home))
        return cls(home)

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.bin("python")

    def bin(self, name: str) -> Path:
        """Return the path of an installed program."""
        return self.home / (f"Scripts/{name}.exe" if os.name == "nt" else f"bin/{name}")

    def install(self, *requirements: str) -> None:
        """Install wheels or other requirements, in the versions of constraints.txt."""
        constraints = ("--constraint", str(ROOT / "constraints.txt"))
        uv("pip", "install", "--quiet", "--python", str(self.python), *constraints, *requirements)

    def uninstall(self, name: str) -> None:
        """Remove a distribution."""
        uv("pip", "uninstall", "--quiet", "--python", str(self.python), name)

    def command(self, program: Path | str, *arguments: str) -> list[str]:
        """Return the command for a program: without PYTHONPATH, user site and current folder."""
        name = ["-c", program] if isinstance(program, str) else [str(program)]
        return [str(self.python), "-I", *name, *arguments]

    def variables(self, **settings: str) -> dict[str, str]:
        """Return environment variables for a program: some of the machine, and `settings`."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {**kept, **settings}

    def run(self, program: Path | str, **settings: str) -> str:
        """Run a program to its end and return its output."""
        return run(self.command(program), cwd=self.home, env=self.variables(**settings))


def find_python(name: str) -> str:
    """Return what uv understands: the interpreter of a version that pyenv holds, or `name`."""
    pyenv = shutil.which("pyenv")
    if pyenv and re.fullmatch(r"[\d.]+", name):
        versions = Path(run([pyenv, "root"]).strip()) / "versions"
        found = sorted(versions.glob(f"{name}*/bin/python"))
        return str(found[-1]) if found else name
    return name


def run(command: list[str], cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Run a command and return its output; fail with the output if its exit code is not 0."""
    done = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, timeout=INSTALL_S, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


def uv(*arguments: str) -> str:
    """Run uv from the cache that set-up filled, or else with the package index."""
    found = shutil.which("uv", path=os.pathsep.join((os.environ["PATH"], f"{sys.prefix}/bin")))
    assert found, "uv is missing: run tools/setup.sh test"
    try:
        return run([found, "--offline", *arguments])
    except AssertionError:
        return run([found, *arguments])
