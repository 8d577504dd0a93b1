"""Checks the public API with mypy and pyright, as its users see it.

    python tools/check_typing.py [FOLDER]

FOLDER, by default `tests/typing`, holds code of users. Both type checkers, in their strict modes,
must report an error with the code that a comment names, and no other error in any line:

    avatar_core.creat_avatar()  # error: mypy=attr-defined pyright=reportAttributeAccessIssue
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMMENT = re.compile(r"# error: (.+)$")
CODE = re.compile(r"(mypy|pyright)=([\w-]+)")

Line = tuple[str, int]
"""File name and line number."""
Found = Mapping[Line, Mapping[str, str]]
"""The message for each code of each line."""


def read_expected(folder: Path) -> dict[str, dict[Line, str]]:
    """Read the comments.

    Returns:
        For each type checker the error code that it must report in each line.

    Raises:
        ValueError: A comment does not name a code for each type checker.
    """
    expected: dict[str, dict[Line, str]] = {"mypy": {}, "pyright": {}}
    for path in sorted(folder.glob("*.py")):
        for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if comment := COMMENT.search(text):
                codes = dict(CODE.findall(comment[1]))
                if codes.keys() != expected.keys():
                    raise ValueError(
                        f"The comment in {path.name}:{number} must name an error code of mypy "
                        "and one of pyright."
                    )
                for checker, code in codes.items():
                    expected[checker][path.name, number] = code
    return expected


def compare(checker: str, expected: Mapping[Line, str], found: Found) -> Iterator[str]:
    """Yield a sentence for each error that is missing or that no comment names."""
    for (name, number), code in expected.items():
        if code not in found.get((name, number), {}):
            reported = ", ".join(found.get((name, number), {})) or "nothing"
            yield f"{name}:{number}: {checker} must report {code}, but reports {reported}."
    for (name, number), messages in found.items():
        if (name, number) not in expected:
            for code, message in messages.items():
                yield f"{name}:{number}: {checker} reports {code}: {message}"


def mypy_command(folder: Path) -> list[str]:
    """The command that prints one JSON object a line."""
    config = str(ROOT / "pyproject.toml")
    return [sys.executable, "-m", "mypy", "--output=json", f"--config-file={config}", str(folder)]


def read_mypy(output: str) -> Found:
    """Read what `mypy_command` prints."""
    found: defaultdict[Line, dict[str, str]] = defaultdict(dict)
    for line in output.splitlines():
        one = json.loads(line)
        if one["severity"] == "error":
            found[Path(one["file"]).name, one["line"]][str(one["code"])] = one["message"]
    return found


def pyright_command(folder: Path) -> list[str]:
    """The command that prints one JSON object; `pyrightconfig.json` of the folder is used."""
    python = f"--pythonpath={sys.executable}"
    return [sys.executable, "-m", "pyright", "--outputjson", python, f"--project={folder}"]


def read_pyright(output: str) -> Found:
    """Read what `pyright_command` prints."""
    found: defaultdict[Line, dict[str, str]] = defaultdict(dict)
    for one in json.loads(output)["generalDiagnostics"]:
        line = one["range"]["start"]["line"] + 1
        message = one["message"].partition("\n")[0]
        found[Path(one["file"]).name, line][one.get("rule", one["severity"])] = message
    return found


def main() -> int:
    """Print what is wrong; the exit code is 1 if there is anything."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests/typing"
    started = time.monotonic()
    expected = read_expected(folder)
    commands = {"mypy": mypy_command(folder), "pyright": pyright_command(folder)}
    readers = {"mypy": read_mypy, "pyright": read_pyright}
    running = {
        checker: subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for checker, command in commands.items()
    }
    wrong = []
    for checker, process in running.items():
        output, errors = process.communicate()
        if process.returncode not in (0, 1):
            wrong.append(f"{checker} failed with exit code {process.returncode}: {errors.strip()}")
            continue
        wrong += compare(checker, expected[checker], readers[checker](output))
    for line in wrong:
        print(line)
    took_s = time.monotonic() - started
    count = len(expected["mypy"])
    print(f"{folder.name}: {count} mistakes, {len(wrong)} unexpected results, {took_s:.1f} s.")
    return int(bool(wrong) or not count)


if __name__ == "__main__":
    sys.exit(main())
