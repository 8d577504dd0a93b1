"""The command `avatar doctor`: prints the result and the next step of each check."""

from __future__ import annotations

import asyncio
import json

from rich.markup import escape

from avatar_core.cli.checks import Check, CheckResult, list_checks
from avatar_core.cli.output import FAILED, make_console

MARKS = {
    "ok": "[green]✓[/]",
    "warning": "[yellow]![/]",
    "fault": "[red]✗[/]",
    "skipped": "[dim]-[/]",
}


def run(*, as_json: bool, verbose: bool = False) -> int:
    """Run all checks in parallel and print their results.

    Args:
        as_json: Whether to print JSON, which always contains the tracebacks.
        verbose: Whether to print the tracebacks of the errors too.

    Returns:
        The exit code: 1 if a check found a fault, or else 0.
    """
    checks = list_checks()
    results = asyncio.run(_run_checks(checks))
    if as_json:
        report = [
            {"check": check.name, **result._asdict()}
            for check, result in zip(checks, results, strict=True)
        ]
        print(json.dumps(report, indent=2))
    else:
        console = make_console()
        for check, result in zip(checks, results, strict=True):
            console.print(_line(check, result), soft_wrap=True)
            if verbose and result.trace:
                console.print(escape(result.trace), soft_wrap=True)
        if coded := [result.code for result in results if result.code]:
            console.print(f"More about a code: avatar explain {coded[0]}", soft_wrap=True)
    return FAILED if any(result.status == "fault" for result in results) else 0


async def _run_checks(checks: list[Check]) -> list[CheckResult]:
    return await asyncio.gather(*(check.run() for check in checks))


def _line(check: Check, result: CheckResult) -> str:
    hint = f"  [dim]→ {escape(result.hint)}[/]" if result.hint else ""
    code = f" {escape(f'[{result.code}]')}" if result.code else ""
    message = escape(result.message)
    return f"{MARKS[result.status]} {escape(check.name)}: {message}{hint}{code}"
