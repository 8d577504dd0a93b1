"""Each wheel holds the right files and the right metadata."""

from __future__ import annotations

import ast
import re
import tarfile
import tomllib
from typing import Any

import pytest

from avatar_core.cli.plugins import GROUP as COMMANDS
from avatar_core.registry.discovery import GROUP as PROVIDERS
from avatar_core.testing.fake_vendor.installed import GROUP as FAKE_VENDORS
from avatar_core.testing.simulators import GROUP as SIMULATORS
from tests.packaging.environment import uv
from tests.packaging.wheels import PROJECTS, PUBLISHED, ROOT, Build, Wheel

CORE = "avatar-core"
PAGE = ROOT / "demo/src/avatar_demo/page"
LITTER = ("tests/", "__pycache__", "node_modules", "benchmarks/", "docs/", "examples/", "web/")
NOT_IN_CORE = ("/bench/", "benchmarks", "demo", "/page/", ".html", ".js", ".css")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
URLS = {"Homepage", "Documentation", "Source", "Issues", "Changelog"}
ENTRY_POINTS = {
    "avatar-core": {
        "console_scripts": {"avatar": "avatar_core.cli:app"},
        "pytest11": {"avatar_core": "avatar_core.testing.pytest_plugin"},
        PROVIDERS: {"livekit": "avatar_core.agents.bridge.provider:PluginProvider"},
    },
    "avatar-demo": {COMMANDS: {"demo": "avatar_demo.cli:app"}},
    "avatar-provider-tavus": {
        COMMANDS: {
            "tavus": "avatar_provider_tavus.cli:app",
            "tavus-sim": "avatar_provider_tavus.cli:simulator",
        },
        SIMULATORS: {"tavus": "avatar_provider_tavus.simulator.server:offer_simulator"},
    },
}
"""All entry points, without the ones by which providers are found."""


def project_of(name: str) -> dict[str, Any]:
    """Return the table [project] of a pyproject.toml."""
    project: dict[str, Any] = tomllib.loads((PROJECTS[name] / "pyproject.toml").read_text())
    return dict(project["project"])


def top_level_names(source: str) -> set[str]:
    """Return the names that a module defines by `def`, `class`, assignment and import."""
    names: set[str] = set()
    for node in ast.parse(source).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]):
                names.add(name)
            case ast.ImportFrom(names=aliases):
                names |= {alias.asname or alias.name for alias in aliases}
    return names


@pytest.mark.parametrize("name", PROJECTS)
def test_wheel_holds_only_its_package(name: str, build: Build) -> None:
    names, package = build(name).names, name.replace("-", "_")
    folders = {file.partition("/")[0] for file in names}
    assert folders == {package, f"{package}-{project_of(name)['version']}.dist-info"}
    assert f"{package}/py.typed" in names
    assert not [file for file in names if any(part in file for part in LITTER)]


def test_library_wheel_holds_no_demo_benchmark_or_page(build: Build) -> None:
    names = build(CORE).names
    assert not [file for file in names if any(part in file for part in NOT_IN_CORE)]


def test_library_wheel_holds_every_module(build: Build) -> None:
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "avatar_core").rglob("*.py")}
    assert sources == {name for name in build(CORE).names if name.endswith(".py")}


def test_demo_wheel_holds_the_built_page(build: Build) -> None:
    page = {path for path in PAGE.rglob("*") if path.is_file()}
    if not page:
        pytest.skip("The page is not built here; .venv/page.log says why.")
    source = PAGE.parents[1]
    assert {str(path.relative_to(source)) for path in page} <= build("avatar-demo").names
    assert "avatar_demo/page/index.html" in build("avatar-demo").names


@pytest.mark.parametrize("name", PROJECTS)
def test_wheel_metadata_equals_the_project_table(name: str, build: Build) -> None:
    project, wheel = project_of(name), build(name)
    assert wheel.metadata["Name"] == name
    assert wheel.metadata["Version"] == project["version"]
    assert wheel.metadata["Summary"] == project["description"]
    assert wheel.metadata["Requires-Python"] == "<3.15,>=3.11"
    base = [line for line in wheel.requires if "extra ==" not in line]
    assert len(base) == len(project["dependencies"])


def test_library_has_an_extra_for_each_provider_of_this_repository() -> None:
    root = tomllib.loads((ROOT / "pyproject.toml").read_text())
    folders = {path.parent.name for path in ROOT.glob("providers/*/pyproject.toml")}
    extras = root["project"]["optional-dependencies"]
    extras.pop("testing")
    assert extras == {name: [f"avatar-provider-{name}>=0.1,<1"] for name in sorted(folders)}
    sources = root["tool"]["uv"]["sources"]
    assert {f"avatar-provider-{name}" for name in folders} <= sources.keys()


@pytest.mark.parametrize("name", PROJECTS)
def test_wheel_contains_the_licence_and_its_spdx_identifier(name: str, build: Build) -> None:
    wheel = build(name)
    assert wheel.metadata["License-Expression"] == "Apache-2.0"
    assert wheel.metadata.get_all("License-File") == ["LICENSE"]
    assert wheel.info("licenses/LICENSE") == (ROOT / "LICENSE").read_text()
    classifiers = wheel.metadata.get_all("Classifier", [])
    assert not [line for line in classifiers if line.startswith("License ::")]


@pytest.mark.parametrize("name", PROJECTS)
def test_classifiers_name_the_supported_python_versions_and_a_topic(
    name: str, build: Build
) -> None:
    classifiers = build(name).metadata.get_all("Classifier", [])
    named = re.findall(
        r"^Programming Language :: Python :: (3\.\d+)$", "\n".join(classifiers), re.M
    )
    assert tuple(named) == PYTHONS
    assert [line for line in classifiers if line.startswith("Topic :: ")]
    assert "Typing :: Typed" in classifiers


@pytest.mark.parametrize("name", PUBLISHED)
def test_wheel_metadata_has_the_project_urls(name: str, build: Build) -> None:
    lines = build(name).metadata.get_all("Project-URL", [])
    links = dict(line.split(", ", 1) for line in lines)
    core = project_of(CORE)["urls"]
    assert links.keys() == URLS
    assert all(link.startswith(core["Source"]) for link in links.values())
    assert {**core, "Documentation": links["Documentation"]} == links


@pytest.mark.parametrize("name", PROJECTS)
def test_wheel_description_equals_the_readme(name: str, build: Build) -> None:
    metadata = build(name).metadata
    assert metadata["Description-Content-Type"] == "text/markdown"
    readme = (PROJECTS[name] / "README.md").read_text()
    assert metadata.get_payload() == readme
    assert readme.startswith(f"# {name}\n")


@pytest.mark.parametrize("name", PROJECTS)
def test_wheel_has_the_expected_entry_points(name: str, build: Build) -> None:
    expected = dict(ENTRY_POINTS.get(name, {}))
    offered = build(name).entry_points
    if name.startswith("avatar-provider-"):
        short, package = name.removeprefix("avatar-provider-"), name.replace("-", "_")
        provider = offered[PROVIDERS][short]
        assert provider.lower() == f"{package}:{short}provider"
        expected[PROVIDERS] = {short: provider}
        if FAKE_VENDORS in offered:
            fake = offered[FAKE_VENDORS][short]
            assert fake.startswith(f"{package}.")
            expected[FAKE_VENDORS] = {short: fake}
    assert offered == expected


@pytest.mark.parametrize("name", PROJECTS)
def test_entry_points_refer_to_names_in_the_wheel(name: str, build: Build) -> None:
    wheel = build(name)
    for targets in wheel.entry_points.values():
        for target in targets.values():
            module, _, attribute = target.partition(":")
            assert module in wheel.modules
            assert not attribute or attribute in top_level_names(wheel.modules[module])


def test_wheels_from_the_sources_and_from_the_sdist_have_equal_files(
    build: Build, tmp_path_factory: pytest.TempPathFactory
) -> None:
    by_way_of_sdist = build(CORE)
    (sdist,) = by_way_of_sdist.path.parent.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert {"README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml"} <= held
    folder = tmp_path_factory.mktemp("direct")
    uv("build", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT))
    (direct,) = folder.glob("*.whl")
    assert Wheel(direct).names == by_way_of_sdist.names
