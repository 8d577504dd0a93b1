"""What the wheels hold, and what they say of themselves."""

from __future__ import annotations

import tarfile
import tomllib
from collections.abc import Callable

import pytest

from tests.packaging.conftest import PROJECTS, ROOT, Wheel, uv

Build = Callable[[str], Wheel]
PAGE = "avatar_core/cli/demo/page"
LITTER = ("tests/", "__pycache__", "node_modules", "benchmarks/", "docs/", "examples/", "web/")


@pytest.mark.parametrize("name", PROJECTS)
def test_a_wheel_holds_its_package_and_nothing_else(name: str, build: Build) -> None:
    names, package = build(name).names, name.replace("-", "_")
    folders = {file.partition("/")[0] for file in names}
    assert folders == {package, f"{package}-0.1.0.dist-info"}
    assert f"{package}/py.typed" in names
    assert not [file for file in names if any(part in file for part in LITTER)]


@pytest.mark.parametrize("name", PROJECTS)
def test_a_wheel_says_what_its_project_says(name: str, build: Build) -> None:
    project = tomllib.loads((PROJECTS[name] / "pyproject.toml").read_text())["project"]
    metadata = build(name).metadata
    assert metadata["Name"] == name
    assert metadata["Version"] == project["version"]
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == "<3.15,>=3.11"
    required = {line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line}
    assert len(required) == len(project["dependencies"])


@pytest.mark.parametrize("name", [name for name in PROJECTS if name != "avatar-core"])
def test_a_provider_offers_one_entry_point(name: str, build: Build) -> None:
    short = name.removeprefix("avatar-provider-")
    target = f"avatar_provider_{short}:{short.capitalize()}Provider"
    offered = build(name).entry_points.split("\n")
    assert [line for line in offered if line] == ["[avatar_core.providers]", f"{short} = {target}"]


def test_the_command_comes_with_avatar_core(build: Build) -> None:
    lines = build("avatar-core").entry_points.split("\n")
    assert [line for line in lines if line] == ["[console_scripts]", "avatar = avatar_core.cli:app"]


def test_every_file_of_the_tree_is_in_the_wheel(build: Build) -> None:
    wheel = build("avatar-core").names
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "avatar_core").rglob("*.py")}
    assert sources == {name for name in wheel if name.endswith(".py")}


def test_the_built_page_is_in_the_wheel(build: Build) -> None:
    page = {path for path in (ROOT / PAGE).rglob("*") if path.is_file()}
    if not page:
        pytest.skip("the page is not built here: tools/setup.sh says why")
    assert {str(path.relative_to(ROOT)) for path in page} <= build("avatar-core").names


def test_the_wheel_of_the_tree_is_that_of_its_sdist(
    build: Build, tmp_path_factory: pytest.TempPathFactory
) -> None:
    by_way_of_sdist = build("avatar-core")
    (sdist,) = by_way_of_sdist.path.parent.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert {"README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml"} <= held
    folder = tmp_path_factory.mktemp("direct")
    uv("build", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT))
    (direct,) = folder.glob("*.whl")
    assert Wheel(direct).names == by_way_of_sdist.names
