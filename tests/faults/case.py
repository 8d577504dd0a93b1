"""A case of the bad-input matrix, and the environment in which it is provoked."""

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
"""Stands for an API key in every case in which a user may have typed one."""
OURS = re.compile(r"(AVATAR|LIVEKIT|TAVUS|VENDOR)_")


@dataclass(frozen=True, slots=True)
class Message:
    """The message that a user sees.

    Attributes:
        error: The error that was raised or logged; None where there was none.
        text: The message, as an exception or a log line shows it.
    """

    error: AvatarError | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One fault of an input, and the message that it must cause.

    Attributes:
        id: Unique name of the case.
        fault: Description of the fault.
        provoke: Causes the fault; returns the message or raises the error, and checks that
            everything else still works.
        error: The exact class of the error; None where no error is expected.
        code: Stable code of the error.
        mentions: Texts that the message must contain, such as the name of the setting.
        consequence: What happens where no error is expected.
    """

    id: str
    fault: str
    provoke: Callable[[Environment], Message | object]
    error: type[AvatarError] | None
    code: str = ""
    mentions: Sequence[str] = ()
    consequence: str = ""

    def run(self) -> Message:
        """Provoke the fault in a clean environment, and return the message."""
        with clean_environment() as environment:
            try:
                message = self.provoke(environment)
            except AvatarError as error:
                return Message(error, str(error))
            return message if isinstance(message, Message) else Message(None, "")


class Environment:
    """An environment without our variables, in which plugins can be installed."""

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
        """Install a plugin as pip would: `points` are entry points, `source` is their module."""
        modules = {target.partition(":")[0]: source for target in points.values()}
        self._site.install(distribution, points, modules, requires=requires)
        return ProviderRegistry()


@contextmanager
def clean_environment() -> Iterator[Environment]:
    """Yield a clean environment, and restore everything afterwards."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if OURS.match(name)]:
            patch.delenv(name)
        with make_site(Path(folder), patch) as site:
            yield Environment(site, patch)
