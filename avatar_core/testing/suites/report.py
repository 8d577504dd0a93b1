"""The results of a pytest run of suites: the level of each suite, and reports as JSON and Markdown.

The module does not import the suites, because it also runs where no check runs: in the main process
of pytest-xdist.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

LEVELS = ("bronze", "silver", "gold")
GOOD = ("passed", "not applicable")
SUITE_KEYS = ("suite", "provider", "distribution", "version")


class Report:
    """The results of the checks of one pytest run.

    Args:
        results: The result of each check as JSON, from a test of a suite, and whether pytest
            reported a failure, also one of the set-up or the tear-down.
    """

    def __init__(self, results: Iterable[tuple[str, bool]]) -> None:
        self._checks: dict[tuple[str, str], dict[str, Any]] = {}
        self._all: dict[str, list[dict[str, str]]] = {}
        for text, failed in results:
            self._add(text, failed)

    def _add(self, text: str, failed: bool) -> None:
        result = json.loads(text)
        self._all[result["module"]] = result.pop("all")
        if failed and result["outcome"] in GOOD:
            result["outcome"], result["message"] = "failed", "The set-up or the tear-down failed."
        key = (result["module"], result["id"])
        if self._checks.get(key, {}).get("outcome") != "failed":
            self._checks[key] = result

    def suites(self) -> Iterator[dict[str, Any]]:
        """Yield the description, the level and the checks of each suite.

        Yields:
            One JSON-safe dictionary for each suite.
        """
        for module, declared in sorted(self._all.items()):
            ran = {id: result for (of, id), result in self._checks.items() if of == module}
            known = next(iter(ran.values()))
            checks = [_row(one, ran.get(one["id"])) for one in declared]
            yield {
                **{key: known.get(key, "") for key in SUITE_KEYS},
                "level": find_level(checks),
                "checks": checks,
            }

    def describe_levels(self) -> Iterator[str]:
        """Yield one line about the level of each suite.

        Yields:
            The lines for the terminal.
        """
        for suite in self.suites():
            missing = [check["id"] for check in _missing(suite["checks"])]
            rest = f" (missing: {', '.join(missing)})" if missing else ""
            yield f"{suite['suite']}: level {suite['level']}{rest}"

    def write(self, paths: Sequence[str]) -> None:
        """Write the report.

        Args:
            paths: The paths of the files, which end with `.json` or `.md`.

        Raises:
            OSError: A file cannot be written.
        """
        report = {"avatar_core": _core_version(), "suites": list(self.suites())}
        for path in map(Path, paths):
            text = json.dumps(report, indent=2) if path.suffix == ".json" else _markdown(report)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n", encoding="utf-8")


def find_level(checks: Sequence[Mapping[str, str]]) -> str:
    """Return the highest level whose checks, and those of the levels below it, have all passed.

    Args:
        checks: The level and the outcome of each check.

    Returns:
        "bronze", "silver", "gold", or "none".
    """
    proven = "none"
    for level in LEVELS:
        if any(check["level"] == level and check["outcome"] not in GOOD for check in checks):
            break
        proven = level
    return proven


def _missing(checks: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """Return the checks that the next level needs."""
    for level in LEVELS:
        bad = [
            check for check in checks if check["level"] == level and check["outcome"] not in GOOD
        ]
        if bad:
            return bad
    return []


def _row(declared: Mapping[str, str], result: Mapping[str, Any] | None) -> dict[str, Any]:
    found = result or {"outcome": "not run", "message": "", "duration_s": 0.0}
    return {**declared, **{key: found[key] for key in ("outcome", "message", "duration_s")}}


def _markdown(report: Mapping[str, Any]) -> str:
    lines = ["# Suites of avatar-core", "", f"avatar-core {report['avatar_core']}"]
    for suite in report["suites"]:
        origin = f"{suite['distribution']} {suite['version']}".strip()
        lines += ["", f"## {suite['suite']}: {suite['level']}", ""]
        lines += [f"Provider `{suite['provider']}`" + (f" of {origin}." if origin else "."), ""]
        lines += ["| check | level | requirement | result |", "| --- | --- | --- | --- |"]
        for check in suite["checks"]:
            outcome = check["outcome"]
            note = " ".join(check["message"].split()).replace("|", "\\|")
            shown = outcome if outcome == "passed" or not note else f"{outcome}: {note}"
            lines.append(f"| {check['id']} | {check['level']} | {check['summary']} | {shown} |")
    return "\n".join(lines)


def _core_version() -> str:
    try:
        return version("avatar-core")
    except PackageNotFoundError:
        return "unknown"
