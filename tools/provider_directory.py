"""Writes docs/providers.md: the providers of this repository, with capabilities and suite levels.

    python tools/provider_directory.py           # runs all suites of providers, some minutes
    python tools/provider_directory.py REPORT... # reads levels from reports, and keeps the others

REPORT is a file that `pytest --avatar-report REPORT.json providers/NAME/tests/test_suite.py` wrote.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from avatar_core import AvatarProvider, Capabilities, RendererProvider, SafeRetry
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.testing import ProviderSuite

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # for the packages of the tests
PAGE = ROOT / "docs/providers.md"
SUITES = "providers/*/tests/test_suite.py"
HEAD = """# Providers

This page lists the providers of this repository. The program `tools/provider_directory.py` writes
the page from the capabilities of the providers and from the results of their suites.

| column | meaning |
| --- | --- |
| kind | whether a vendor runs the avatar, or a worker of avatar-core draws the avatar |
| transport | how the audio reaches the avatar |
| end | who ends a session when the agent no longer needs the avatar |
| retry | how avatar-core repeats a create request whose outcome is unknown |
| cap | maximum duration of a session with the default settings |
| controls | commands of the vendor for a live avatar |
| monitor | whether the agent [listens to the avatar](monitor.md) |
| level | the level that the provider proves with `ProviderSuite`, with a fake of its vendor |

avatar-core provisions the next session before the cap. The agent listens to an avatar whose worker
does not report positions.

"""
COLUMNS = ("provider", "kind", "transport", "end", "retry", "cap", "controls", "monitor", "level")
RETRIES = {
    SafeRetry.KEY: "idempotency key",
    SafeRetry.LOOKUP: "lookup of the session",
    SafeRetry.NEVER: "none; waits for the join",
}
PAGES = ("vendors/{}.md", "{}.md", "{}-server.md")
"""The possible pages of a provider, below docs."""


def find_suites() -> dict[str, type[ProviderSuite]]:
    """Import the suites of all providers.

    Returns:
        The suite class by the name of its provider.
    """
    suites: dict[str, type[ProviderSuite]] = {}
    for file in sorted(ROOT.glob(SUITES)):
        module = import_module(f"providers.{file.parents[1].name}.tests.test_suite")
        for found in vars(module).values():
            if isinstance(found, type) and issubclass(found, ProviderSuite):
                suites[getattr(found, "provider", AvatarProvider).__dict__.get("name", "")] = found
    suites.pop("", None)
    return suites


def describe(cls: type[AvatarProvider[Any]], can: Capabilities, level: str) -> dict[str, str]:
    """Return one row of the directory.

    Args:
        cls: The provider class.
        can: The capabilities of the provider with its default settings.
        level: The level that the suite of the provider has proven.

    Returns:
        The cells by column.
    """
    own = issubclass(cls, RendererProvider)
    ends = "avatar-core ends the worker" if own else "avatar-core, at the vendor"
    return {
        "provider": _link(cls.name),
        "kind": "own worker" if own else "vendor",
        "transport": _transport(cls),
        "end": ends if can.ends_session else "avatar-core removes the participant",
        "retry": "not needed" if own else RETRIES[can.safe_retry],
        "cap": f"{can.max_session_s / 60:g} min" if can.max_session_s else "none stated",
        "controls": ", ".join(f"`{name}`" for name in sorted(can.commands)) or "none",
        "monitor": "no" if own else "yes",
        "level": level,
    }


def write_page(levels: Mapping[str, str]) -> str:
    """Return the text of the page.

    Args:
        levels: The level of each suite, by the name of its provider.

    Returns:
        The page in Markdown.
    """
    suites, rows = find_suites(), []
    for name in sorted(file.parent.name for file in ROOT.glob("providers/*/pyproject.toml")):
        if suite := suites.get(name):
            can = suite.provider(suite().load_settings()).capabilities
            rows.append(describe(suite.provider, can, levels.get(name, "none")))
        else:
            cls = ProviderRegistry().load(name)
            rows.append(describe(cls, cls.capabilities, "no suite"))
    table = [COLUMNS, ["---"] * len(COLUMNS), *([row[name] for name in COLUMNS] for row in rows)]
    return HEAD + "".join(f"| {' | '.join(cells)} |\n" for cells in table)


def read_levels(page: str) -> dict[str, str]:
    """Return the levels that a page states.

    Args:
        page: The page in Markdown.

    Returns:
        The level by the name of the provider.
    """
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| [")]
    return {cells[0].strip("[").partition("]")[0]: cells[-1] for cells in rows}


def run_suites(report: Path) -> None:
    """Run the suites of all providers.

    Args:
        report: The file to which pytest writes the report.

    Raises:
        subprocess.CalledProcessError: A check fails.
    """
    files = [str(file) for file in sorted(ROOT.glob(SUITES))]
    command = [sys.executable, "-m", "pytest", "-q", "--avatar-report", str(report), *files]
    subprocess.run(command, cwd=ROOT, check=True)


def main() -> int:
    """Write the page; return 1 if a suite fails."""
    with tempfile.TemporaryDirectory() as folder:
        reports = [Path(name) for name in sys.argv[1:]]
        if not reports:
            reports = [Path(folder) / "report.json"]
            try:
                run_suites(reports[0])
            except subprocess.CalledProcessError:
                return 1
        suites: list[dict[str, Any]] = []
        for report in reports:
            suites += json.loads(report.read_text(encoding="utf-8"))["suites"]
    levels = read_levels(PAGE.read_text(encoding="utf-8"))
    levels |= {suite["provider"]: suite["level"] for suite in suites}
    PAGE.write_text(write_page(levels), encoding="utf-8")
    return 0


def _transport(cls: type[AvatarProvider[Any]]) -> str:
    if any(base.__name__ == "WebSocketAvatarProvider" for base in cls.__mro__):
        return "websocket of the vendor"
    own = cls.create_sink is not AvatarProvider.create_sink
    return "a transport of its own" if own else "LiveKit byte stream"


def _link(name: str) -> str:
    found = [
        page for page in (page.format(name) for page in PAGES) if (PAGE.parent / page).exists()
    ]
    return f"[{name}]({found[0] if found else 'reference.md'})"


if __name__ == "__main__":
    sys.exit(main())
