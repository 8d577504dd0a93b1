"""Every module imports without the modules that only POSIX has, as on Windows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROVIDERS = Path(__file__).parents[2] / "providers"
PACKAGES = (
    *("avatar_core", "avatar_demo"),
    *(path.name for path in sorted(PROVIDERS.glob("*/src/avatar_provider_*"))),
)
POSIX = ("fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty")
IMPORT_ALL = f"""
import builtins, importlib, pkgutil, sys

real_import = builtins.__import__

def import_as_on_windows(name, globals=None, locals=None, fromlist=(), level=0):
    importer = (globals or {{}}).get("__name__", "")
    if name.partition(".")[0] in {POSIX} and importer.startswith("avatar_"):
        raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
    return real_import(name, globals, locals, fromlist, level)

builtins.__import__ = import_as_on_windows
count = 0
for package in sys.argv[1:]:
    found = importlib.import_module(package)
    for module in pkgutil.walk_packages(found.__path__, f"{{package}}."):
        try:
            importlib.import_module(module.name)
            count += 1
        except ImportError as error:
            print(f"{{module.name}}: {{error}}")
print(count)
"""


def import_all(*packages: str, path: Path | None = None) -> list[str]:
    """Import every module without POSIX's own; the lines say which failed, and how many did not."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *packages],
        env={**os.environ, "PYTHONPATH": str(path or "")},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout.splitlines()


def test_every_module_imports_without_posix_modules() -> None:
    *failed, count = import_all(*PACKAGES)
    assert not failed
    assert int(count) > 100


def test_planted_import_of_a_posix_module_is_reported(tmp_path: Path) -> None:
    package = tmp_path / "avatar_planted"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "locks.py").write_text("import fcntl\n")
    (package / "late.py").write_text("def lock():\n    import fcntl\n")
    failed, count = import_all("avatar_planted", path=tmp_path)
    assert failed == "avatar_planted.locks: No module named 'fcntl'"
    assert count == "1"
