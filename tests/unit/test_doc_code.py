"""Every block of code in the README and the docs is valid: Python, shell, TOML, YAML and JSON."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import typer
import yaml

from avatar_core.cli import app
from tests.support.doc_code import Block, as_modules, read_blocks

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "AGENTS.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("providers/*/README.md")),
    *sorted(ROOT.glob("examples/**/README.md")),
    ROOT / "demo/README.md",
]
BLOCKS = [block for page in PAGES for block in read_blocks(page)]
NO_CODE = ("text",)
SHELL = ("sh", "console")
"""The languages of shell code. In a console, the commands begin with `$ `."""
PROGRAMS = {
    *("apt-get", "avatar", "cd", "curl", "docker", "export", "git", "make", "mypy", "pip"),
    *("pytest", "python", "python3", "ruff", "unset", "uv"),
}
"""The programs that a block of shell code may call."""
EXAMPLES = {
    "avatar_provider_acme": "examples/providers/acme",
    "avatar_provider_neural": "examples/renderers/neural",
    "avatar_provider_orb": "examples/own_provider",
    "avatar_provider_zenith": "examples/providers/zenith",
}
MYPY_S = 100


def of(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


def test_each_block_names_a_language_that_a_test_checks() -> None:
    known = {"python", *SHELL, *PARSERS, *NO_CODE}
    assert [str(block) for block in BLOCKS if block.language not in known] == []
    assert {block.language for block in BLOCKS} >= {"python", "sh", "toml", "yaml"}


PARSERS: dict[str, Callable[[str], object]] = {
    "json": json.loads,
    "toml": tomllib.loads,
    "yaml": yaml.safe_load,
}


@pytest.mark.parametrize("block", of(*PARSERS), ids=str)
def test_data_can_be_parsed(block: Block) -> None:
    assert PARSERS[block.language](block.code)


def test_python_passes_mypy(tmp_path: Path) -> None:
    package = tmp_path / "doc_blocks"
    package.mkdir()
    (package / "__init__.py").touch()
    sources = {}
    for page in PAGES:
        for module, (block, code) in as_modules(page, "doc_blocks").items():
            (package / f"{module}.py").write_text(code, encoding="utf-8")
            sources[module] = block
    assert len(sources) >= 20
    paths = [str(tmp_path), *(str(ROOT / folder / "src") for folder in EXAMPLES.values())]
    paths += [str(ROOT / folder / "tests") for folder in EXAMPLES.values()]
    paths += [str(path) for path in sorted(ROOT.glob("providers/*/src"))]
    packages = [argument for name in ("doc_blocks", *EXAMPLES) for argument in ("-p", name)]
    modules = [
        argument for name in EXAMPLES for argument in ("-m", f"test_{name.rpartition('_')[2]}")
    ]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *packages, *modules],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=MYPY_S,
    )
    output = done.stdout
    for module, block in sources.items():
        output = output.replace(f"{module}.py", f"{module}.py ({block})")
    assert done.returncode == 0, output + done.stderr


def commands_of(code: str) -> list[list[str]]:
    """Return the words of each command of a shell script, without assignments in front of it."""
    found = []
    for line in whole_lines(code.replace("\\\n", " ")):
        for part in re.split(r"\s(?:&&|\|\||\||;)\s", line):
            parts = shlex.split(part, comments=True)
            while parts and re.match(r"[A-Za-z_]\w*=", parts[0]):
                parts = parts[1:]
            if parts:
                found.append(parts)
    return found


def whole_lines(code: str) -> Iterator[str]:
    """Yield the lines of a script; lines that a quotation joins are one line."""
    pending = ""
    for line in code.splitlines():
        pending = f"{pending}\n{line}" if pending else line
        try:
            shlex.split(pending, comments=True)
        except ValueError:
            continue
        yield pending
        pending = ""
    assert not pending, f"a quotation has no end: {pending}"


def cli_problem(arguments: list[str]) -> str:
    """Return the problem of the arguments of `avatar`; empty if they exist."""
    command = typer.main.get_command(app)
    for argument in arguments:
        if argument.startswith("-"):
            options = {one for it in command.params for one in (*it.opts, *it.secondary_opts)}
            if argument.partition("=")[0] not in {*options, "--help"}:
                return f"the command {command.name} has no option {argument}"
        elif commands := getattr(command, "list_commands", None):
            if argument not in commands(None):
                return f"avatar has no command {argument}"
            command = command.get_command(None, argument)  # type: ignore[attr-defined]
    return ""


def problem_of(parts: list[str], targets: set[str]) -> str:
    """Return the problem of a command of a block; empty if its program and arguments exist."""
    program, *arguments = parts
    if program.startswith(".venv/bin/"):
        program = program.removeprefix(".venv/bin/")
    if program not in PROGRAMS:
        return f"{program} is not a program that the docs may use"
    if program == "avatar":
        return cli_problem(arguments)
    if program == "make":
        missing = [it for it in arguments if "=" not in it and it[0] != "-" and it not in targets]
        return f"the Makefile has no target {missing[0]}" if missing else ""
    return ""


@pytest.mark.parametrize("block", of(*SHELL), ids=str)
def test_shell_commands_can_be_parsed_and_exist(block: Block) -> None:
    shell = shutil.which("bash") or "sh"
    code = block.code
    if block.language == "console":
        lines = [line[2:] for line in code.splitlines() if line.startswith("$ ")]
        code = "\n".join(lines)
        assert code, "the block has no line that begins with $"
    done = subprocess.run([shell, "-n"], input=code, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    problems = [problem_of(parts, targets) for parts in commands_of(code)]
    assert [problem for problem in problems if problem] == []


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("avatar explian", "avatar has no command explian"),
        ("avatar list --laod", "the command list has no option --laod"),
        ("X=1 make tset", "the Makefile has no target tset"),
        ("cd a && frobnicate", "frobnicate is not a program that the docs may use"),
    ],
)
def test_wrong_commands_are_reported(code: str, problem: str) -> None:
    targets = {"test"}
    found = [problem_of(parts, targets) for parts in commands_of(code)]
    assert found[-1] == problem


def test_documented_commands_of_plugins_are_installed() -> None:
    assert "demo" in entry_points(group="avatar_core.commands").names
