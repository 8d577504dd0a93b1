"""What the demo shows in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from avatar_core.contracts.errors import AvatarError
from avatar_demo.rpc_names import Facts
from avatar_demo.user import Heard


class View:
    """Lines as things happen, and a table of steps and times at the end."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._table = Table("step", "result", "time", title="What happened", title_justify="left")

    @contextmanager
    def setting_up(self, first: str) -> Iterator[Callable[[str], None]]:
        """Show what is being waited for; yields a function that changes the line."""
        with self._console.status(escape(first)) as status:
            yield lambda what: status.update(escape(what))

    def step(self, what: str, result: str, at_s: float) -> None:
        """A step of the set-up is done, `at_s` seconds after the start."""
        self._console.print(f"[green]✓[/] {escape(what)}: {escape(result)} [dim]{at_s:.1f} s[/]")
        self._table.add_row(what, escape(result), f"{at_s:.1f} s")

    def line(self, text: str) -> None:
        """Something happened."""
        self._console.print(escape(text))

    def error(self, error: AvatarError) -> None:
        """The demo ends with this."""
        self._console.print(f"[red]{escape(str(error))}[/]")

    def told(self, fact: Facts) -> None:
        """The agent says how it is."""
        if fact["what"] == "state":
            self._console.print(f"[cyan]state[/]  {fact['state']} ({escape(fact['provider'])})")
        elif fact["what"] == "joined":
            self._table.add_row("avatar joined", fact["provider"], f"{fact['join_s']:.2f} s")
        elif fact["what"] == "failed":
            self._console.print(f"[yellow]fault[/]  {escape(fact['error'])}")

    def says(self, text: str) -> None:
        """The agent begins a text."""
        self._console.print(f"[cyan]says[/]   {escape(text)}")

    def heard(self, heard: Heard) -> None:
        """What came of it."""
        text = " ".join(heard.words[: heard.count])
        self._console.print(f"[cyan]heard[/]  {escape(text)}")
        ending = "interrupted" if heard.facts["interrupted"] else "played to its end"
        self._table.add_row(
            ending,
            f"{heard.count} of {len(heard.words)} words heard, "
            f"{len(heard.skipped)} skipped, {len(heard.doubled)} twice",
            f"{heard.over_at - heard.asked_at:.1f} s",
        )
        if heard.facts["interrupted"]:
            self._table.add_row("history holds", f"“…{escape(heard.facts['history'][-40:])}”", "")

    def measure(self, what: str, seconds: float) -> None:
        """A latency."""
        self._console.print(f"[cyan]time[/]   {what}: {1000 * seconds:.0f} ms")
        self._table.add_row(what, "", f"{1000 * seconds:.0f} ms")

    def fact(self, what: str, result: str) -> None:
        """A row of the table."""
        self._table.add_row(what, result, "")

    def verdict(self, first: Heard, second: Heard, faults: list[str]) -> None:
        """The table, and whether all was as it must be."""
        self._console.print(self._table)
        if faults:
            self._console.print(f"[red]✗ {escape('; '.join(faults))}.[/]")
        else:
            twice = f"; “{escape(second.doubled[0])}” came twice" if second.doubled else ""
            words = first.count + len(second.words)
            self._console.print(f"[green]✓ {words} words, none skipped{twice}.[/]")
