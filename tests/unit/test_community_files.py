"""Files for contributors and agents agree with the repository."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
QUESTIONS = {"input", "textarea", "dropdown", "checkboxes"}


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def source() -> str:
    """Return the address of the repository, from `[project.urls]`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return str(project["urls"]["Source"]) + "/"


def nav_pages(nav: list[Any]) -> list[str]:
    """Return the pages of the navigation of mkdocs.yml, in order."""
    pages: list[str] = []
    for item in nav:
        target = next(iter(item.values())) if isinstance(item, dict) else item
        pages += nav_pages(target) if isinstance(target, list) else [target]
    return pages


@pytest.mark.parametrize(
    "path", [path for path in FORMS if path.name != "config.yml"], ids=lambda path: path.stem
)
def test_issue_form_has_the_parts_that_github_requires(path: Path) -> None:
    form = load(path)
    assert all(form[key] for key in ("name", "description", "body"))
    questions = [item for item in form["body"] if item["type"] != "markdown"]
    assert {item["type"] for item in questions} <= QUESTIONS
    ids = [item["id"] for item in questions]
    assert len(ids) == len({*ids})
    assert all(re.fullmatch(r"[\w-]+", name) for name in ids)
    assert all(item["attributes"]["label"] for item in questions)
    assert any(item.get("validations", {}).get("required") for item in questions)
    for item in questions:
        if item["type"] in ("dropdown", "checkboxes"):
            assert item["attributes"]["options"]


def test_provider_form_requires_doctor_versions_and_provider() -> None:
    form = load(ROOT / ".github/ISSUE_TEMPLATE/provider-bug.yml")
    required = {
        item["id"]: item["attributes"]["label"]
        for item in form["body"]
        if item.get("validations", {}).get("required")
    }
    assert {"provider", "doctor", "versions"} <= {*required}
    assert "avatar doctor --json" in required["doctor"]


def test_links_of_the_issue_chooser_lead_to_this_repository() -> None:
    config = load(ROOT / ".github/ISSUE_TEMPLATE/config.yml")
    links = [link["url"] for link in config["contact_links"]]
    assert len(links) == 2
    for link in links:
        assert link.startswith(source())
        path = link.removeprefix(source())
        assert (
            path == "security/advisories/new" or (ROOT / path.removeprefix("blob/main/")).exists()
        )


def test_llms_txt_links_every_page_of_the_site() -> None:
    linked = re.findall(r"\]\(([^)]+)\)", (ROOT / "docs/llms.txt").read_text())
    prefix = f"{source()}blob/main/"
    assert all(link.startswith(prefix) for link in linked)
    files = [link.removeprefix(prefix) for link in linked]
    assert [file for file in files if not (ROOT / file).is_file()] == []
    pages = [page for page in nav_pages(load(ROOT / "mkdocs.yml")["nav"]) if page != "index.md"]
    assert [page for page in pages if f"docs/{page}" not in files] == []


def test_navigation_contains_every_page() -> None:
    config = load(ROOT / "mkdocs.yml")
    nav = nav_pages(config["nav"])
    assert len(nav) == len({*nav})
    hidden = [pattern.strip().lstrip("/") for pattern in config["not_in_nav"].splitlines()]
    pages = [str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")]
    listed = [page for page in pages if not any(fnmatch(page, pattern) for pattern in hidden)]
    assert sorted(listed) == sorted(nav), "add each page to nav in mkdocs.yml, and to docs/llms.txt"


def test_llms_txt_at_the_root_equals_the_one_in_docs() -> None:
    assert (ROOT / "llms.txt").read_bytes() == (ROOT / "docs/llms.txt").read_bytes()


def test_llms_txt_begins_with_a_title_and_a_summary() -> None:
    title, _, summary, *_ = (ROOT / "docs/llms.txt").read_text().splitlines()
    assert title == "# avatar-core"
    assert summary.startswith("> ")


@pytest.mark.parametrize("name", ["AGENTS.md", "CONTRIBUTING.md", ".pre-commit-config.yaml"])
def test_documented_make_commands_are_makefile_targets(name: str) -> None:
    text = (ROOT / name).read_text()
    named = set(re.findall(r"(?:^|`|entry: )make ([a-z]+)", text, re.MULTILINE))
    assert len(named) >= 3
    assert named <= make_targets()


def test_paths_named_in_agents_md_exist() -> None:
    quoted = re.findall(r"`([\w./-]+)`", (ROOT / "AGENTS.md").read_text())
    paths = [name for name in quoted if "/" in name or name.endswith((".md", ".importlinter"))]
    assert len(paths) >= 10
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_changelog_begins_with_the_unreleased_section() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    dated = [re.fullmatch(r"\[\d+\.\d+\.\d+\w*\] - \d{4}-\d\d-\d\d", it) for it in headings[1:]]
    assert all(dated)
    kinds = set(re.findall(r"^### (.*)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_avatar_token_has_only_the_documented_grants_and_lifetime() -> None:
    import jwt
    from pydantic import SecretStr

    from avatar_core.contracts.provisioning import TokenSpec
    from avatar_core.provisioning.tokens import TokenMint, token_lifetime_s
    from avatar_core.settings import AvatarSettings, LiveKitSettings

    settings = LiveKitSettings(
        url="ws://127.0.0.1", api_key=SecretStr("k" * 12), api_secret=SecretStr("s" * 32)
    )
    token = TokenMint(settings, "room").mint(TokenSpec(identity="avatar"))
    grants = jwt.decode(token, options={"verify_signature": False})["video"]
    assert {name for name, granted in grants.items() if granted} == {
        "roomJoin",
        "room",
        "canPublish",
        "canPublishSources",
        "canPublishData",
    }
    assert grants["canPublishSources"] == ["camera", "microphone"]
    limits = AvatarSettings()
    lifetime_s = token_lifetime_s(limits.provision_timeout_s, limits.join_timeout_s)
    assert lifetime_s == 110.0
    assert "110 seconds" in " ".join((ROOT / "SECURITY.md").read_text().split())
