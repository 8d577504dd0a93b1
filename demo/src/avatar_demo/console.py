"""The output of the demo in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.markup import escape
from rich.table import Table

from avatar_core.cli.output import make_console
from avatar_core.contracts.errors import AvatarError
from avatar_demo.rpc_names import Payload
from avatar_demo.user import HeardSpeech


class DemoConsole:
    """Prints a line for each event of the demo, and a table of results at the end."""

    def __init__(self) -> None:
        self._console = make_console()
        self._table = Table("step", "result", "time", title="Summary", title_justify="left")

    @contextmanager
    def progress(self, first: str) -> Iterator[Callable[[str], None]]:
        """Show the current step of the demo in a status line while the block runs.

        Args:
            first: The text of the status line at first.

        Yields:
            A function that replaces the text of the status line.
        """
        with self._console.status(escape(first)) as status:
            yield lambda text: status.update(escape(text))

    def step(self, name: str, result: str, at_s: float) -> None:
        """Print a finished step of the set-up.

        Args:
            name: Name of the step.
            result: Result of the step.
            at_s: Seconds since the start of the demo.
        """
        self._console.print(f"[green]✓[/] {escape(name)}: {escape(result)} [dim]{at_s:.1f} s[/]")
        self._table.add_row(name, escape(result), f"{at_s:.1f} s")

    def line(self, text: str) -> None:
        """Print a line of text.

        Args:
            text: The text, without markup.
        """
        self._console.print(escape(text), soft_wrap=True)

    def error(self, error: AvatarError) -> None:
        """Print the error that ends the demo.

        Args:
            error: The error.
        """
        self._console.print(f"[red]{escape(str(error))}[/]", soft_wrap=True)

    def event(self, event: Payload) -> None:
        """Print a state change, a join or an error of the avatar; ignore other events.

        Args:
            event: The payload of the RPC `NOTIFY` from the agent.
        """
        if event["type"] == "state":
            self._console.print(f"[cyan]state[/]  {event['state']} ({escape(event['provider'])})")
        elif event["type"] == "joined":
            self._table.add_row("avatar joined", event["provider"], f"{event['join_s']:.2f} s")
        elif event["type"] == "failed":
            self._console.print(f"[yellow]error[/]  {escape(event['error'])}", soft_wrap=True)

    def says(self, text: str) -> None:
        """Print a text that the agent starts to say.

        Args:
            text: The text.
        """
        self._console.print(f"[cyan]says[/]   {escape(text)}")

    def heard(self, heard: HeardSpeech) -> None:
        """Print the part of a text that the user heard.

        Args:
            heard: The text, and the words of it that the user heard.
        """
        text = " ".join(heard.spoken_words[: heard.count])
        self._console.print(f"[cyan]heard[/]  {escape(text)}")
        end = "interrupted" if heard.result["interrupted"] else "played to the end"
        self._table.add_row(
            end,
            f"{heard.count} of {len(heard.spoken_words)} words heard, "
            f"{len(heard.skipped)} skipped, {len(heard.repeated)} twice",
            f"{heard.ended_at - heard.requested_at:.1f} s",
        )
        if heard.result["interrupted"]:
            history = heard.result["history"][-40:]
            self._table.add_row("chat history ends with", f"“…{escape(history)}”", "")

    def measure(self, name: str, seconds: float) -> None:
        """Print a measured time.

        Args:
            name: Name of the measurement.
            seconds: The time in seconds; the console prints milliseconds.
        """
        self._console.print(f"[cyan]time[/]   {name}: {1000 * seconds:.0f} ms")
        self._table.add_row(name, "", f"{1000 * seconds:.0f} ms")

    def add_row(self, name: str, result: str) -> None:
        """Add a row without a time to the table.

        Args:
            name: Name of the row.
            result: Its value.
        """
        self._table.add_row(name, result, "")

    def summary(self, first: HeardSpeech, second: HeardSpeech, faults: list[str]) -> None:
        """Print the table, and whether the conversation met every expectation.

        Args:
            first: The text that was interrupted.
            second: The text during which the avatar was killed.
            faults: Descriptions of the faults, one sentence each without a full stop.
        """
        self._console.print(self._table)
        if faults:
            self._console.print(f"[red]✗ {escape('; '.join(faults))}.[/]")
        else:
            twice = f"; “{escape(second.repeated[0])}” was heard twice" if second.repeated else ""
            count = first.count + len(second.spoken_words)
            self._console.print(f"[green]✓ {count} words, none skipped{twice}.[/]")
