"""tools/release.py: one version for all distributions, and the right files."""

from __future__ import annotations

import datetime
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from tools.release import (
    PAGE,
    ReleaseError,
    bump,
    find_file_problems,
    find_problems,
    main,
    read_distributions,
)

ROOT = Path(__file__).parents[2]
CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A face.\n"
WHY = ".venv/page.log says why the page was not built."
TODAY = datetime.date(2026, 1, 31)


def project(name: str, version: str, *requires: str) -> str:
    return (
        f'[project]\nname = "{name}"\nversion = "{version}"\ndependencies = {list(requires)!r}\n'
        f'\n[tool.other]\nversion = "7"\n'
    )


def write_files(dist: Path, name: str, *, says: str = "1.2.0", page: bool = False) -> None:
    """Write a wheel and an sdist of version 1.2.0 whose metadata say `says`."""
    stem = f"{name.replace('-', '_')}-1.2.0"
    metadata = f"Metadata-Version: 2.4\nName: {name}\nVersion: {says}\n"
    held = [PAGE] if page else []
    (dist / name).mkdir(parents=True)
    with zipfile.ZipFile(dist / name / f"{stem}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{stem}.dist-info/METADATA", metadata)
        for file in held:
            wheel.writestr(file, "")
    with tarfile.open(dist / name / f"{stem}.tar.gz", "w:gz") as sdist:
        for file, text in [("PKG-INFO", metadata), *((f"src/{file}", "") for file in held)]:
            info = tarfile.TarInfo(f"{stem}/{file}")
            info.size = len(text)
            sdist.addfile(info, io.BytesIO(text.encode()))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with a library, a demo and a provider at version 1.2.0."""
    for folder in ("demo", "providers/mock", "providers/no_project"):
        (tmp_path / folder).mkdir(parents=True)
    workspace = '\n[tool.uv.workspace]\nmembers = ["demo", "providers/*"]\n'
    library = project("avatar-core", "1.2.0") + workspace
    (tmp_path / "pyproject.toml").write_text(library)
    (tmp_path / "demo/pyproject.toml").write_text(
        project("avatar-demo", "1.2.0", "avatar-core>=1,<2", "numpy>=99")
    )
    (tmp_path / "providers/mock/pyproject.toml").write_text(
        project("avatar-provider-mock", "1.2.0", "avatar-core>=1,<2")
    )
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    return tmp_path


def test_repository_can_be_released_at_its_own_version() -> None:
    assert list(find_problems(ROOT)) == []
    assert len(read_distributions(ROOT)) == 2 + len(list(ROOT.glob("providers/*/pyproject.toml")))


def test_bump_makes_the_sources_match_the_tag(root: Path) -> None:
    before = list(find_problems(root, "v1.3.0"))
    bump(root, "1.3.0", TODAY)
    assert len(before) == 4
    assert list(find_problems(root, "v1.3.0")) == []
    assert "## [Unreleased]\n\n## [1.3.0] - 2026-01-31\n\n### Added" in (
        (root / "CHANGELOG.md").read_text()
    )
    assert 'version = "7"' in (root / "demo/pyproject.toml").read_text()


def test_bump_rejects_an_empty_unreleased_section(root: Path) -> None:
    bump(root, "1.3.0", TODAY)
    with pytest.raises(ReleaseError, match="is empty"):
        bump(root, "1.4.0", TODAY)
    assert {one.version for one in read_distributions(root)} == {"1.3.0"}


def test_bump_rejects_an_invalid_version(root: Path) -> None:
    with pytest.raises(ReleaseError, match="not a valid version"):
        bump(root, "one.two", TODAY)


def test_check_names_the_distribution_with_another_version(root: Path) -> None:
    file = root / "providers/mock/pyproject.toml"
    file.write_text(file.read_text().replace("1.2.0", "1.1.9"))
    assert list(find_problems(root)) == ["avatar-provider-mock has version 1.1.9, not 1.2.0."]


def test_check_names_a_requirement_that_excludes_the_version(root: Path) -> None:
    bump(root, "2.0.0", TODAY)
    assert list(find_problems(root, "v2.0.0")) == [
        "avatar-demo requires avatar-core>=1,<2, which excludes 2.0.0.",
        "avatar-provider-mock requires avatar-core>=1,<2, which excludes 2.0.0.",
    ]


def test_check_names_an_extra_that_excludes_the_version(root: Path) -> None:
    with (root / "pyproject.toml").open("a") as file:
        file.write('[project.optional-dependencies]\nmock = ["avatar-provider-mock<1"]\n')
    assert list(find_problems(root)) == [
        "avatar-core requires avatar-provider-mock<1, which excludes 1.2.0."
    ]


def test_check_needs_a_dated_section_in_the_changelog(root: Path) -> None:
    (problem,) = find_problems(root, "v1.2.0")
    assert "CHANGELOG.md has no section '## [1.2.0]" in problem


@pytest.mark.parametrize("tag", ["1.2.0", "v1.2", "main", "v1.2.0+local"])
def test_check_rejects_a_malformed_tag(root: Path, tag: str) -> None:
    (problem,) = find_problems(root, tag)
    assert "does not look like v1.2.3" in problem


def test_missing_and_extra_files_in_dist_are_reported(root: Path) -> None:
    dist = root / "dist"
    write_files(dist, "avatar-core")
    (dist / "avatar-core/avatar_core-1.2.0.tar.gz").unlink()
    write_files(dist, "avatar-provider-mock")
    (dist / "stray").mkdir()
    assert list(find_file_problems(root, dist)) == [
        "stray does not belong in dist/.",
        "avatar-core: built avatar_core-1.2.0-py3-none-any.whl; "
        "need avatar_core-1.2.0-py3-none-any.whl, avatar_core-1.2.0.tar.gz.",
        "avatar-demo: built nothing; "
        "need avatar_demo-1.2.0-py3-none-any.whl, avatar_demo-1.2.0.tar.gz.",
    ]


def test_complete_dist_has_no_problem(root: Path) -> None:
    dist = root / "dist"
    write_files(dist, "avatar-core")
    write_files(dist, "avatar-provider-mock")
    write_files(dist, "avatar-demo", page=True)
    assert list(find_file_problems(root, dist)) == []


def test_wrong_metadata_and_a_missing_page_are_reported(root: Path) -> None:
    dist = root / "dist"
    write_files(dist, "avatar-core", says="1.1.0")
    write_files(dist, "avatar-provider-mock")
    write_files(dist, "avatar-demo")
    assert list(find_file_problems(root, dist)) == [
        "avatar_core-1.2.0-py3-none-any.whl says that it is avatar-core 1.1.0.",
        "avatar_core-1.2.0.tar.gz says that it is avatar-core 1.1.0.",
        f"avatar_demo-1.2.0-py3-none-any.whl contains no {PAGE}; {WHY}",
        f"avatar_demo-1.2.0.tar.gz contains no {PAGE}; {WHY}",
    ]


def test_check_command_prints_problems_and_returns_1(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check"], root) == 0
    assert main(["check", "v9.0.0"], root) == 1
    assert "avatar-core has version 1.2.0, not 9.0.0." in capsys.readouterr().err
    assert main([], root) == main(["bump"], root) == 1
    assert "usage:" in capsys.readouterr().err
