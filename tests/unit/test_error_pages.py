"""Every error code has a page, and `avatar explain` prints the page."""

from __future__ import annotations

import asyncio
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from avatar_provider_local import LocalSettings
from typer.testing import CliRunner

import avatar_core
from avatar_core import AvatarError, ErrorCode
from avatar_core.cli import app
from avatar_core.cli.explain import AREAS, format_index
from avatar_core.contracts.error_codes import PAGES_URL
from avatar_core.contracts.wire import Report
from avatar_core.net import check_url
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.testing import Scenario

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs/errors"
HEADINGS = ["What happened", "Why", "What to do", "Example"]
SOURCES = [ROOT / "avatar_core", ROOT / "providers", ROOT / "demo/src"]


def page(code: ErrorCode) -> str:
    return (FOLDER / f"{code}.md").read_text(encoding="utf-8")


def example(code: ErrorCode) -> str:
    """Return the error message that the page shows."""
    (block,) = re.findall(r"^```text\n(.*?)\n```$", page(code), re.MULTILINE | re.DOTALL)
    return str(block)


def explain(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["explain", *arguments])
    return result.exit_code, result.output


def used_codes() -> Iterator[str]:
    """Yield the name of each member of ErrorCode that an expression of the code uses."""
    for file in (path for folder in SOURCES for path in folder.rglob("*.py")):
        yield from re.findall(r"\bErrorCode\.([A-Z_]+)\b", file.read_text(encoding="utf-8"))


def test_each_code_has_a_page_and_each_page_a_code() -> None:
    assert sorted(path.stem for path in FOLDER.glob("AV*.md")) == sorted(ErrorCode)
    assert 25 <= len(ErrorCode) <= 50


@pytest.mark.parametrize("code", ErrorCode)
def test_page_has_the_title_of_its_code_and_the_common_headings(code: ErrorCode) -> None:
    assert re.findall(r"^# (.*)$", page(code), re.MULTILINE)[0] == f"{code}: {code.summary}"
    assert re.findall(r"^## (.*)$", page(code), re.MULTILINE) == HEADINGS
    assert example(code).endswith(f" [{code}] {code.url}")
    for section in page(code).split("\n## ")[1:]:
        assert section.partition("\n")[2].strip(), f"{code}: an empty section"


def test_every_code_is_used_and_has_a_known_area() -> None:
    unused = {code.name for code in ErrorCode} - {*used_codes()}
    assert unused == set()
    assert {code[2] for code in ErrorCode} == {*AREAS}


def test_links_of_errors_lead_to_the_pages_of_this_repository() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    prefix = f"{project['urls']['Source']}/blob/main/"
    assert PAGES_URL.startswith(prefix)
    assert (ROOT / PAGES_URL.removeprefix(prefix)).is_dir()


def test_pages_name_the_code_of_each_error_class() -> None:
    named = [
        (page.name, *pair)
        for page in (ROOT / "docs").rglob("*.md")
        for pair in re.findall(r"`(AV\d{3})`,? (\w+Error)\b", page.read_text(encoding="utf-8"))
    ]
    assert len(named) >= 5
    assert [one for one in named if getattr(avatar_core, one[2]).code != one[1]] == []


def test_index_lists_every_code() -> None:
    assert (FOLDER / "index.md").read_text(encoding="utf-8") == format_index(".md")


def control_without_avatar() -> None:
    avatar = avatar_core.create_avatar("voice")
    asyncio.run(avatar.control("emotion"))


def load_from(installed: set[str], name: str) -> None:
    class Registry(ProviderRegistry):
        def names(self) -> list[str]:
            return sorted(installed)

    Registry().load(name)


RAISED: dict[ErrorCode, Callable[[], object]] = {
    ErrorCode.INVALID_CONFIG: lambda: avatar_core.create_avatar(
        [LocalSettings(url="http://127.0.0.1")]
    ),
    ErrorCode.INVALID_CHAIN: lambda: avatar_core.create_avatar("local,local"),
    ErrorCode.MISSING_SETTING: lambda: avatar_core.create_avatar("tavus"),
    ErrorCode.INVALID_SETTING: lambda: LocalSettings.load(character="bob"),
    ErrorCode.UNKNOWN_SETTING: lambda: avatar_core.AvatarSettings.load(),
    ErrorCode.INVALID_URL: lambda: check_url("http://example.com", "tavus"),
    ErrorCode.COMMAND: control_without_avatar,
    ErrorCode.AUDIO: lambda: avatar_core.AudioFormat(1000),
    ErrorCode.WIRE: lambda: Report.decode("DONE"),
    ErrorCode.TEST_FAULT: lambda: Scenario.parse("crash_at=4"),
    ErrorCode.NOT_FOUND: lambda: load_from({"local", "mock"}, "loacl"),
}


@pytest.mark.parametrize("code", RAISED)
def test_example_is_the_message_that_users_see(
    code: ErrorCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TAVUS_API_KEY", raising=False)
    if code is ErrorCode.UNKNOWN_SETTING:
        monkeypatch.setenv("AVATAR_REQUIERD", "1")
    with pytest.raises(AvatarError) as caught:
        RAISED[code]()
    assert caught.value.code is code
    assert str(caught.value) == example(code)


@pytest.mark.parametrize("typed", ["AV302", "av302", "302", "[AV302]"])
def test_explain_prints_the_page_of_a_code(typed: str) -> None:
    assert explain(typed) == (0, page(ErrorCode.PAYMENT))


@pytest.mark.parametrize("typed", ["AV3", "av3", "3"])
def test_explain_lists_the_codes_of_an_area(typed: str) -> None:
    status, said = explain(typed)
    assert status == 0
    lines = [line for line in said.splitlines() if line.startswith("| AV")]
    codes = [code for code in ErrorCode if code.startswith("AV3")]
    assert lines == [f"| {code} | {code.summary} |" for code in codes]
    assert AREAS["3"] in said


def test_explain_without_a_code_lists_all_codes() -> None:
    status, said = explain()
    assert status == 0
    assert all(f"| {code} | {code.summary} |" in said for code in ErrorCode)


@pytest.mark.parametrize("typed", ["AV399", "AV19", "nonsense", ""])
def test_unknown_code_prints_one_message(typed: str) -> None:
    if not typed:
        typed = "-"
    status, said = explain(typed)
    assert status == 2
    assert "no error has the code" in said
    assert "avatar explain" in said
    assert ("AV30" in said) == (typed == "AV399")
    assert "Traceback" not in said


def test_error_without_a_code_of_its_own_gets_that_of_its_class() -> None:
    class OwnError(avatar_core.PaymentError):
        """An error of a provider package."""

    assert OwnError("it broke.").code is ErrorCode.PAYMENT
    assert avatar_core.ConfigError("x.", code=ErrorCode.INVALID_URL).code is ErrorCode.INVALID_URL
    assert avatar_core.ConfigError("x.").code is ErrorCode.INVALID_CONFIG
