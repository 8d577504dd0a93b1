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
    """Print the page of an error code, or the codes of an area.

    Args:
        code: The code in upper or lower case, such as `AV103`, or its digits; the first digit of an
            area, such as `AV3`; empty for the list of all codes.

    Returns:
        The exit code 0.

    Raises:
        typer.BadParameter: The code does not exist.
    """
    typed = _normalize(code)
    if not code:
        text = format_index()
    elif typed.removeprefix("AV") in AREAS:
        text = "\n".join(_format_area(typed.removeprefix("AV"))) + "\n"
    else:
        text = read_page(find_code(code))
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
    wanted = _normalize(text)
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
    for digit in AREAS:
        lines += [*_format_area(digit, link), ""]
    return "\n".join(lines)


def _format_area(digit: str, link: str = "") -> list[str]:
    lines = [f"## {AREAS[digit]}", "", "| code | error |", "| --- | --- |"]
    for code in ErrorCode:
        if code[2] == digit:
            shown = f"[{code}]({code}{link})" if link else code
            lines.append(f"| {shown} | {code.summary} |")
    return lines


def _normalize(text: str) -> str:
    return "AV" + re.sub(r"^AV", "", text.strip().strip("[]").upper())


def _folder() -> Traversable:
    """Return the folder of the pages, which a wheel contains and a clone has in `docs`."""
    packaged = files("avatar_core") / "error_pages"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "docs" / "errors"
