"""What a row of the bad-input matrix is, and the ground it is provoked on."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from avatar_core.contracts.errors import AvatarError
from avatar_core.registry.discovery import ProviderRegistry
from tests.support.plugins import FakeSite, make_site

SECRET = "sk-5ecret-0f-4-pers0n"
"""Stands for a key in every row where one could have been typed."""
OURS = re.compile(r"(AVATAR|LIVEKIT|TAVUS|VENDOR)_")


@dataclass(frozen=True, slots=True)
class Told:
    """What a person gets to see.

    Attributes:
        error: The error raised, or the one that the log line is about; None where all goes on.
        text: The message, as an exception or a log shows it.
    """

    error: AvatarError | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing that can be wrong.

    Attributes:
        id: Names the row.
        wrong: What is wrong, in words.
        provoke: Does it; returns what was told, or raises it. It checks by itself that
            nothing else is broken.
        error: The exact class; None where nobody needs to be told.
        code: Its stable code.
        names: What the message must name: the culprit, whatever it is.
        instead: Where there is no error: what happens instead.
    """

    id: str
    wrong: str
    provoke: Callable[[Ground], Told | object]
    error: type[AvatarError] | None
    code: str = ""
    names: Sequence[str] = ()
    instead: str = ""

    def run(self) -> Told:
        """Provoke it on fresh ground."""
        with ground() as fresh:
            try:
                told = self.provoke(fresh)
            except AvatarError as error:
                return Told(error, str(error))
            return told if isinstance(told, Told) else Told(None, "")


class Ground:
    """An environment without any of our variables, and a place to install plugins."""

    def __init__(self, site: FakeSite, patch: pytest.MonkeyPatch) -> None:
        self._site = site
        self._patch = patch

    def set(self, **variables: str) -> None:
        """Set environment variables."""
        for name, value in variables.items():
            self._patch.setenv(name, value)

    def install(
        self, distribution: str, points: Mapping[str, str], source: str = "", requires: str = ""
    ) -> ProviderRegistry:
        """Lay out what pip would: `points` are entry points, `source` their one module."""
        modules = {target.partition(":")[0]: source for target in points.values()}
        self._site.install(distribution, points, modules, requires=requires)
        return ProviderRegistry()


@contextmanager
def ground() -> Iterator[Ground]:
    """Fresh ground, gone without a trace afterwards."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if OURS.match(name)]:
            patch.delenv(name)
        with make_site(Path(folder), patch) as site:
            yield Ground(site, patch)
