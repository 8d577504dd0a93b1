"""The typing check passes if both type checkers report exactly the errors that comments name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TYPING = ROOT / "tests/typing"
WRONG = 'x: int = ""'
COMMENT = "  # error: mypy=assignment pyright=reportAssignmentType\n"


def check(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    (folder / "user.py").write_text(code)
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    command = [sys.executable, ROOT / "tools/check_typing.py", folder]
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


def test_check_passes_if_the_expected_error_is_reported(tmp_path: Path) -> None:
    done = check(tmp_path, WRONG + COMMENT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 mistakes, 0 unexpected results" in done.stdout


def test_check_reports_missing_and_unexpected_errors(tmp_path: Path) -> None:
    lines = [f"a: int = 1{COMMENT}", 'b: str = ""\n', f"{WRONG}\n"]
    lines.append('y: int = ""' + COMMENT.replace("=assignment", "=arg-type"))
    done = check(tmp_path, "".join(lines))
    assert done.returncode == 1
    for checker, code in (("mypy", "assignment"), ("pyright", "reportAssignmentType")):
        assert f"user.py:1: {checker} must report {code}, but reports nothing." in done.stdout
        assert f"user.py:3: {checker} reports {code}: " in done.stdout
    assert "user.py:4: mypy must report arg-type, but reports assignment." in done.stdout
    assert done.stdout.count("user.py:") == 5


@pytest.mark.parametrize("code", ["x: int = 1\n", f"{WRONG}  # error: mypy=assignment\n"])
def test_check_fails_for_a_folder_with_incomplete_error_comments(tmp_path: Path, code: str) -> None:
    assert check(tmp_path, code).returncode == 1


def test_typed_example_modules_can_be_imported() -> None:
    names = [path.stem for path in TYPING.glob("*.py") if path.stem != "mistakes"]
    assert {"application", "provider", "with_testing"} <= set(names)
    command = [sys.executable, "-c", f"import {', '.join(names)}"]
    done = subprocess.run(command, cwd=TYPING, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
