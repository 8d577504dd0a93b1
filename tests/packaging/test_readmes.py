"""READMEs of the distributions: their links work outside the repository, on a package index."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.packaging.wheels import PROJECTS, PUBLISHED, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SOURCE = str(PROJECT["urls"]["Source"])
LINKS = (
    r"\]\(\s*<?([^)\s>]*)",  # [text](target), also of an image
    r"^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)",  # [name]: target
    r"""(?:href|src)\s*=\s*["']([^"']*)""",
)
IN_REPOSITORY = re.compile(rf"{re.escape(SOURCE)}/(blob|raw)/main/([^#]+)(#.*)?")


def links_of(text: str) -> list[str]:
    """Return the targets of all links and images of a Markdown page, except in code."""
    prose = re.sub(r"^```.*?^```$|`[^`\n]*`", "``", text, flags=re.MULTILINE | re.DOTALL)
    return [link for pattern in LINKS for link in re.findall(pattern, prose, re.MULTILINE)]


def relative(links: list[str]) -> list[str]:
    """Return the links that do not work outside the repository."""
    return [link for link in links if not re.match(r"(https?|mailto):|#", link)]


def missing(links: list[str]) -> list[str]:
    """Return the links to a missing file of the repository, or to an image not as `raw`."""
    inside = [link for link in links if link.startswith(f"{SOURCE}/")]
    found = {link: IN_REPOSITORY.fullmatch(link) for link in inside}
    return [
        link
        for link, match in found.items()
        if match is None
        or not (ROOT / match[2]).is_file()
        or (match[1] == "raw") != match[2].endswith((".jpg", ".png", ".svg"))
    ]


@pytest.mark.parametrize("name", PROJECTS)
def test_readme_has_no_relative_link(name: str) -> None:
    links = links_of((PROJECTS[name] / "README.md").read_text())
    assert links
    assert relative(links) == []


@pytest.mark.parametrize("name", PROJECTS)
def test_readme_links_lead_to_files_of_the_repository(name: str) -> None:
    assert missing(links_of((PROJECTS[name] / "README.md").read_text())) == []


@pytest.mark.parametrize("name", PUBLISHED)
def test_project_urls_lead_to_files_of_the_repository(name: str) -> None:
    project = tomllib.loads((PROJECTS[name] / "pyproject.toml").read_text())["project"]
    urls = project["urls"]
    assert missing([urls["Documentation"], urls["Changelog"]]) == []


@pytest.mark.parametrize("name", PROJECTS)
def test_readme_says_how_to_install_and_select(name: str) -> None:
    readme = (PROJECTS[name] / "README.md").read_text()
    assert "pip install" in readme
    selected = name.removeprefix("avatar-provider-") if "provider" in name else ""
    assert f"AVATAR_PROVIDER={selected}" in readme


def test_relative_links_of_a_page_are_reported() -> None:
    page = """
[one](docs/one.md) and ![two](img/two.png "title") but `[code](not/a.md)`
[three][3] <a href="four.html"> [five](https://example.org/five) [six](#six)

```md
[code](not/a/link.md)
```

  [3]: ../three.md
"""
    assert relative(links_of(page)) == ["docs/one.md", "img/two.png", "../three.md", "four.html"]


def test_links_to_missing_files_are_reported() -> None:
    good = [f"{SOURCE}/blob/main/LICENSE", f"{SOURCE}/raw/main/docs/img/face.jpg"]
    bad = [
        *(f"{SOURCE}/blob/main/no-such-file.md", f"{SOURCE}/tree/main/docs"),
        *(f"{SOURCE}/raw/main/LICENSE", f"{SOURCE}/blob/main/docs/img/face.jpg"),
    ]
    assert missing([*good, *bad, "https://example.org/elsewhere"]) == bad
