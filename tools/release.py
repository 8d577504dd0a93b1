"""Builds and checks a release: all distributions of the repository, at one version.

    python tools/release.py bump 0.2.0     # set the version everywhere, and date the changelog
    python tools/release.py check [TAG]    # check the sources
    python tools/release.py build [TAG]    # check the sources, build into dist/, check the files

TAG is a tag like v0.2.0; without it the versions need only agree with one another.
"""

from __future__ import annotations

import datetime
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.parser import Parser
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

PAGE = "avatar_demo/page/index.html"
VERSION_LINE = re.compile(r'^version = "[^"]*"$', re.MULTILINE)


class ReleaseError(Exception):
    """The version cannot be set."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """A project of the repository that is published.

    Attributes:
        folder: Folder of its pyproject.toml.
        project: The table `[project]`.
    """

    folder: Path
    project: dict[str, Any]

    @property
    def name(self) -> str:
        """Its name on the package index."""
        return str(self.project["name"])

    @property
    def version(self) -> str:
        """Its version, as written."""
        return str(self.project["version"])

    @property
    def requirements(self) -> list[str]:
        """Its dependencies, also those of its extras."""
        extras = self.project.get("optional-dependencies", {}).values()
        return [*self.project.get("dependencies", []), *(line for some in extras for line in some)]

    @property
    def files(self) -> set[str]:
        """The names of its sdist and its wheel."""
        stem = f"{self.name.replace('-', '_')}-{self.version}"
        return {f"{stem}.tar.gz", f"{stem}-py3-none-any.whl"}


def read_distributions(root: Path) -> list[Distribution]:
    """Return the root project and the members of its workspace, in order."""
    root_file = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    members = root_file["tool"]["uv"]["workspace"]["members"]
    folders = [root, *(path for member in members for path in sorted(root.glob(member)))]
    files = [folder / "pyproject.toml" for folder in folders]
    return [
        Distribution(file.parent, tomllib.loads(file.read_text(encoding="utf-8"))["project"])
        for file in files
        if file.is_file()
    ]


def find_problems(root: Path, tag: str = "") -> Iterator[str]:
    """Yield what keeps the sources from being released.

    Args:
        root: The repository.
        tag: The tag of the release; empty before there is one.
    """
    distributions = read_distributions(root)
    wanted = tag.removeprefix("v") or distributions[0].version
    if tag and not re.fullmatch(r"v\d+\.\d+\.\d+((a|b|rc)\d+)?", tag):
        yield f"The tag {tag} does not look like v1.2.3."
        return
    names = {distribution.name for distribution in distributions}
    for distribution in distributions:
        if distribution.version != wanted:
            yield f"{distribution.name} has version {distribution.version}, not {wanted}."
        for text in distribution.requirements:
            requirement = Requirement(text)
            admitted = requirement.specifier.contains(wanted, prereleases=True)
            if requirement.name in names and not admitted:
                yield f"{distribution.name} requires {text}, which excludes {wanted}."
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    dated = rf"^## \[{re.escape(wanted)}\] - \d{{4}}-\d\d-\d\d$"
    if tag and not re.search(dated, changelog, re.MULTILINE):
        yield f"CHANGELOG.md has no section '## [{wanted}] - YYYY-MM-DD'."


def find_file_problems(root: Path, dist: Path) -> Iterator[str]:
    """Yield what is wrong with the files that were built.

    Args:
        root: The repository.
        dist: The folder with one folder for each distribution.
    """
    distributions = read_distributions(root)
    extra = {path.name for path in dist.iterdir()} - {one.name for one in distributions}
    yield from (f"{name} does not belong in {dist.name}/." for name in sorted(extra))
    for distribution in distributions:
        built = {path.name for path in (dist / distribution.name).glob("*")}
        if built == distribution.files:
            for name in sorted(built):
                yield from _archive_problems(distribution, dist / distribution.name / name)
        else:
            found, wanted = sorted(built) or ["nothing"], sorted(distribution.files)
            yield f"{distribution.name}: built {', '.join(found)}; need {', '.join(wanted)}."


def _archive_problems(distribution: Distribution, path: Path) -> Iterator[str]:
    names, text = _open_archive(path)
    metadata = Parser().parsestr(text)
    if (metadata["Name"], metadata["Version"]) != (distribution.name, distribution.version):
        yield f"{path.name} says that it is {metadata['Name']} {metadata['Version']}."
    if distribution.name == "avatar-demo" and not any(name.endswith(PAGE) for name in names):
        yield f"{path.name} contains no {PAGE}; .venv/page.log says why the page was not built."


def _open_archive(path: Path) -> tuple[list[str], str]:
    """Return the names in an sdist or a wheel, and its metadata."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            names = wheel.namelist()
            (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
            return names, wheel.read(metadata).decode()
    with tarfile.open(path) as sdist:
        names = sdist.getnames()
        held = sdist.extractfile(f"{path.name.removesuffix('.tar.gz')}/PKG-INFO")
        return names, held.read().decode() if held else ""


def build(root: Path, dist: Path) -> None:
    """Build the sdist of every distribution, and its wheel from the sdist.

    The time stamps in the files are those of the last commit, so that a second build of the
    commit gives the same bytes.

    Raises:
        subprocess.CalledProcessError: A build failed; it has printed why.
    """
    shutil.rmtree(dist, ignore_errors=True)
    uv = shutil.which("uv", path=os.pathsep.join((os.environ["PATH"], f"{sys.prefix}/bin")))
    git = ["git", "-C", str(root), "log", "-1", "--format=%ct"]
    seconds = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    for distribution in read_distributions(root):
        out = str(dist / distribution.name)
        subprocess.run(
            [uv or "uv", "build", "--quiet", "--out-dir", out, str(distribution.folder)],
            env={**os.environ, "SOURCE_DATE_EPOCH": seconds},
            check=True,
        )
        (dist / distribution.name / ".gitignore").unlink(missing_ok=True)


def bump(root: Path, version: str, today: datetime.date) -> None:
    """Set the version of every distribution, and date the unreleased changes.

    Raises:
        ReleaseError: The version is not one, or the changelog has no unreleased changes.
    """
    try:
        Version(version)
    except InvalidVersion:
        raise ReleaseError(f"{version} is not a valid version number.") from None
    changelog = root / "CHANGELOG.md"
    text = changelog.read_text(encoding="utf-8")
    if not re.search(r"^## \[Unreleased\]\n\n(?!## )", text, re.MULTILINE):
        raise ReleaseError("The section '## [Unreleased]' of CHANGELOG.md is empty.")
    heading = f"## [Unreleased]\n\n## [{version}] - {today.isoformat()}"
    changelog.write_text(text.replace("## [Unreleased]", heading, 1), encoding="utf-8")
    for distribution in read_distributions(root):
        file = distribution.folder / "pyproject.toml"
        written = VERSION_LINE.sub(f'version = "{version}"', file.read_text(encoding="utf-8"), 1)
        file.write_text(written, encoding="utf-8")


def main(arguments: Sequence[str], root: Path) -> int:
    """Run one command; print the problems and return 1 if there are any."""
    command, tag = (*arguments, "", "")[:2]
    problems: list[str] = []
    if command == "bump" and tag:
        try:
            bump(root, tag, datetime.datetime.now(datetime.UTC).date())
        except ReleaseError as error:
            problems = [str(error)]
    elif command in ("check", "build"):
        problems = list(find_problems(root, tag))
        if command == "build" and not problems:
            build(root, root / "dist")
            problems = list(find_file_problems(root, root / "dist"))
    else:
        problems = ["usage: tools/release.py bump VERSION | check [TAG] | build [TAG]"]
    for problem in problems:
        print(problem, file=sys.stderr)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path(__file__).parents[1]))
