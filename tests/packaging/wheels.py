"""The distributions of this repository, and what a built wheel holds."""

from __future__ import annotations

import tomllib
import zipfile
from collections.abc import Callable
from configparser import ConfigParser
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = ("pyproject.toml", "demo/pyproject.toml", "providers/*/*.toml", "examples/**/*.toml")
PROJECTS = {
    tomllib.loads(file.read_text())["project"]["name"]: file.parent
    for pattern in FILES
    for file in sorted(ROOT.glob(pattern))
}
"""Every distribution of this repository, and its folder."""
PUBLISHED = [
    name for name, path in PROJECTS.items() if "examples" not in path.relative_to(ROOT).parts
]
"""The distributions of the maintainers. An example belongs to the author of a new provider."""


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


Build = Callable[[str], Wheel]
"""Builds the wheel of a project by its name."""
