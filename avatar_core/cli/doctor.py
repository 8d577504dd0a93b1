"""`avatar doctor`: what a person gets wrong, one line each, with the next step."""

from __future__ import annotations

import asyncio
import json

from rich.console import Console
from rich.markup import escape

from avatar_core.cli.checks import Answer, Check, checks

MARKS = {
    "ok": "[green]✓[/]",
    "warning": "[yellow]![/]",
    "fault": "[red]✗[/]",
    "skipped": "[dim]-[/]",
}


def run(*, as_json: bool, verbose: bool = False) -> int:
    """Ask everything at once and print; the exit code is 1 if there is a fault.

    Args:
        as_json: Print JSON, which always holds the tracebacks.
        verbose: Print the traceback below each fault that has one.
    """
    asked = checks()
    answers = asyncio.run(_answers(asked))
    if as_json:
        told = [
            {"check": check.name, **answer._asdict()}
            for check, answer in zip(asked, answers, strict=True)
        ]
        print(json.dumps(told, indent=2))
    else:
        console = Console(highlight=False)
        for check, answer in zip(asked, answers, strict=True):
            console.print(_line(check, answer), soft_wrap=True)
            if verbose and answer.trace:
                console.print(escape(answer.trace), soft_wrap=True)
    return int(any(answer.verdict == "fault" for answer in answers))


async def _answers(asked: list[Check]) -> list[Answer]:
    return await asyncio.gather(*(check.answer() for check in asked))


def _line(check: Check, answer: Answer) -> str:
    code = f"[{answer.code}] " if answer.code else ""
    hint = f"  [dim]→ {escape(answer.hint)}[/]" if answer.hint else ""
    said = escape(f"{code}{answer.said}")
    return f"{MARKS[answer.verdict]} {escape(check.name)}: {said}{hint}"
