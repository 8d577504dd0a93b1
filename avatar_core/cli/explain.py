"""The command `avatar explain`: prints the page of an error code, or the list of all codes."""

from __future__ import annotations

import difflib
import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import typer
from rich.markdown import Markdown

from avatar_core.cli.output import make_console
from avatar_core.contracts.error_codes import ErrorCode

AREAS = {
    "0": "Without an area",
    "1": "Configuration",
    "2": "Discovery of providers",
    "3": "The vendor",
    "4": "Room and playback",
    "5": "Workers",
    "6": "Test kit and tools",
}
"""The areas of the codes, by the first digit of the code."""
MOST_SIMILAR = 3


def run(code: str) -> int:
    """Print the page of an error code.

    Args:
        code: The code in upper or lower case, such as `AV103`, or its digits; empty for the list of
            all codes.

    Returns:
        The exit code 0.

    Raises:
        typer.BadParameter: The code does not exist.
    """
    text = read_page(find_code(code)) if code else format_index()
    console = make_console()
    if console.is_terminal:
        console.print(Markdown(text))
    else:
        typer.echo(text, nl=False)
    return 0


def find_code(text: str) -> ErrorCode:
    """Return the code that a user has typed.

    Args:
        text: The code, for example `AV103`, `av103`, `103` or `[AV103]`.

    Returns:
        The code.

    Raises:
        typer.BadParameter: The code does not exist. The message contains the most similar codes.
    """
    wanted = "AV" + re.sub(r"^AV", "", text.strip().strip("[]").upper())
    codes = {code.value: code for code in ErrorCode}
    if wanted in codes:
        return codes[wanted]
    near = difflib.get_close_matches(wanted, codes, n=MOST_SIMILAR, cutoff=0.6)
    named = "; ".join(f"{code} ({codes[code].summary})" for code in near)
    raise typer.BadParameter(
        f"no error has the code {text!r:.40}. "
        + (f"Similar codes: {named}. " if near else "")
        + "To list all codes, run: avatar explain"
    )


def read_page(code: ErrorCode) -> str:
    """Read the page of a code.

    Args:
        code: The code.

    Returns:
        The page, as Markdown.
    """
    return (_folder() / f"{code}.md").read_text(encoding="utf-8")


def format_index(link: str = "") -> str:
    """Format the list of all codes.

    Args:
        link: The end of the address of each page, such as `.md`; empty for a list without links.

    Returns:
        The list, as Markdown with a table for each area.
    """
    lines = ["# Errors", ""]
    for digit, area in AREAS.items():
        lines += [f"## {area}", "", "| code | error |", "| --- | --- |"]
        for code in ErrorCode:
            if code[2] == digit:
                shown = f"[{code}]({code}{link})" if link else code
                lines.append(f"| {shown} | {code.summary} |")
        lines.append("")
    return "\n".join(lines)


def _folder() -> Traversable:
    """Return the folder of the pages, which a wheel contains and a clone has in `docs`."""
    packaged = files("avatar_core") / "error_pages"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "docs" / "errors"
