"""`avatar new provider` writes the examples with another name, green as generated."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
import tokenize
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from typer.testing import CliRunner

from avatar_core.cli import app
from avatar_core.cli.scaffold.names import ProviderName, rename
from avatar_core.cli.scaffold.packs import COMMON, EXAMPLES, MARK, Kind, pack, unpack
from avatar_core.cli.scaffold.write import write_provider
from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import ConfigError
from avatar_core.testing.suites.check import NotApplicable
from avatar_core.testing.suites.suite import Suite
from tests.support.plugins import FakeSite

ROOT = Path(__file__).parents[2]
PACKS = ROOT / "avatar_core/cli/scaffold"
SHORT, LONG = "x9", "longest-of-all-the-names"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def files_of(folder: Path) -> dict[str, str]:
    """Return the files that git tracks or would track, by path."""
    command = ["git", "-C", str(folder), "ls-files", "-co", "--exclude-standard", "."]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {line: (folder / line).read_text() for line in listed.splitlines()}


def written(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def new(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["new", "provider", *arguments], env={"COLUMNS": "200"})
    return result.exit_code, result.output


@pytest.mark.parametrize("kind", Kind)
def test_command_writes_exactly_the_example(kind: Kind, here: Path) -> None:
    name, folder = EXAMPLES[kind]
    status, said = new(name, "--kind", kind)
    assert status == 0, said
    assert written(here / f"avatar-provider-{name}") == files_of(ROOT / folder)
    assert f"cd avatar-provider-{name}\n" in said
    assert 'pip install -e ".[dev]"' in said


def test_packs_hold_all_files_of_the_examples() -> None:
    common = unpack((PACKS / f"{COMMON}.txt").read_text())
    for kind, (_, folder) in EXAMPLES.items():
        own = unpack((PACKS / f"{kind}.txt").read_text())
        assert own.keys().isdisjoint(common)
        assert own | common == files_of(ROOT / folder), "run python tools/pack_examples.py"


def test_pack_refuses_what_unpack_cannot_restore() -> None:
    contents = {"b": "", "a/c": "x\n\ny\n"}
    assert unpack(pack(contents)) == contents
    for text in ("no line feed", f"{MARK}a\n"):
        with pytest.raises(ValueError):
            pack({"a": text})


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("name", [SHORT, LONG])
def test_package_with_another_name_passes_ruff(kind: Kind, name: str, here: Path) -> None:
    write_provider(name, kind, here)
    example, _ = EXAMPLES[kind]
    for path, text in written(here).items():
        assert example not in f"{path}\n{text}".lower().replace("forbid", ""), path
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", "."]
        done = subprocess.run(ruff, cwd=here, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
    project = tomllib.loads((here / "pyproject.toml").read_text())["project"]
    assert project["name"] == f"avatar-provider-{name}"


@pytest.mark.parametrize(
    "kind",
    [Kind.REST, *(pytest.param(kind, marks=pytest.mark.slow) for kind in Kind if kind != "rest")],
)
def test_package_with_another_name_passes_its_suite(
    kind: Kind, here: Path, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("avatar_core"), "disabled", True)
    name = f"green-{kind}"
    write_provider(name, kind, here)
    module = f"avatar_provider_green_{kind}"
    points = tomllib.loads((here / "pyproject.toml").read_text())["project"]["entry-points"]
    site.install(f"avatar-provider-{name}", points["avatar_core.providers"])
    monkeypatch.syspath_prepend(here / "src")
    monkeypatch.syspath_prepend(here / "tests")
    test_module = import_module(f"test_green_{kind}")
    try:
        suites = [
            found
            for found in vars(test_module).values()
            if isinstance(found, type)
            and issubclass(found, Suite)
            and found.__module__ == test_module.__name__
        ]
        passed = 0
        for suite in suites:
            for check in suite.checks:
                try:
                    suite().run_check(check)
                    passed += 1
                except NotApplicable:
                    continue
        assert passed >= 10
    finally:
        for loaded in [it for it in sys.modules if it.startswith((module, test_module.__name__))]:
            del sys.modules[loaded]


NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}


def code_lines(text: str) -> int:
    """Return the number of lines that hold more than docstrings, comments and blanks."""
    lines: set[int] = set()
    starts_statement = True
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        is_docstring = token.type == tokenize.STRING and starts_statement
        if token.type not in NO_CODE and token.string and not is_docstring:
            lines |= set(range(token.start[0], token.end[0] + 1))
        starts_statement = token.type in NO_CODE or (starts_statement and not token.string)
    return len(lines)


def test_provider_of_a_vendor_with_sockets_has_at_most_70_lines() -> None:
    _, folder = EXAMPLES[Kind.WEBSOCKET]
    source = ROOT / folder / "src/avatar_provider_zenith"
    assert code_lines('"""Text."""\n# note\n\nX = (\n    1\n)\n') == 3
    assert (
        sum(code_lines((source / f"{it}.py").read_text()) for it in ("provider", "settings")) <= 70
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Acme", "The provider name 'Acme' is invalid. Use at most 24 lower-case letters"),
        ("Acme Inc.", "for example acme-inc."),
        ("9lives", "for example lives."),
        ("a--b", "for example a-b."),
        ("a_b", "for example a-b."),
        ("ä", "for example acme."),
        ("x" * 25, "is invalid"),
        ("voice", "The provider name 'voice' is reserved."),
        ("livekit", "is reserved"),
        ("avatar", "is reserved"),
        ("mock", "A provider named 'mock' is installed already, from avatar-provider-mock"),
    ],
)
def test_wrong_name_prints_one_message_and_writes_nothing(name: str, said: str, here: Path) -> None:
    status, output = new(name)
    assert status == 2
    assert said in output
    assert output.count("\n") == 1
    assert f"[{ErrorCode.SCAFFOLD}] {ErrorCode.SCAFFOLD.url}" in output
    assert list(here.iterdir()) == []


def test_existing_folder_is_not_changed(here: Path) -> None:
    folder = here / "avatar-provider-acme"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    status, output = new("acme")
    assert status == 2
    page = (ROOT / "docs/errors/AV603.md").read_text()
    assert output.strip() in page
    assert written(folder) == {"mine.txt": "mine"}
    assert new("acme", "--into", "other")[0] == 0
    (here / "empty").mkdir()
    assert new("acme", "--into", "empty")[0] == 0
    (here / "file").touch()
    assert new("acme", "--into", "file")[0] == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
def test_folder_without_permission_prints_one_message(here: Path) -> None:
    (here / "closed").mkdir(mode=0o500)
    status, output = new("acme", "--into", "closed/acme")
    assert status == 2
    assert "cannot be written (Permission denied)" in output


def test_folder_below_a_file_prints_one_message(here: Path) -> None:
    (here / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written"):
        write_provider("acme", Kind.REST, here / "file" / "acme")


def test_unknown_kind_lists_the_kinds() -> None:
    status, output = new("acme", "--kind", "grpc")
    assert status == 2
    assert "'rest'" in output
    assert "'websocket'" in output
    assert "'renderer'" in output


def test_rename_keeps_the_spelling_of_each_place() -> None:
    text = "avatar_provider_acme.AcmeProvider TestAcme ACME_KEY acme-x Acme's acme acmes ACMES"
    assert rename(text, "acme", ProviderName("big-co")) == (
        "avatar_provider_big_co.BigCoProvider TestBigCo BIG_CO_KEY big-co-x Big Co's big-co "
        "acmes ACMES"
    )
