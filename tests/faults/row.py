"""What a row of the bad-input matrix is, and the ground it is provoked on."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from avatar_core.contracts.errors import AvatarError
from avatar_core.engine.registry import GROUP, ProviderRegistry

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

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self._root = root
        self._patch = patch

    def set(self, **variables: str) -> None:
        """Set environment variables."""
        for name, value in variables.items():
            self._patch.setenv(name, value)

    def install(
        self, distribution: str, points: Mapping[str, str], source: str = "", requires: str = ""
    ) -> ProviderRegistry:
        """Lay out what pip would: `points` are entry points, `source` their one module."""
        info = self._root / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        needs = f"Requires-Dist: {requires}\n" if requires else ""
        about = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n{needs}"
        (info / "METADATA").write_text(about)
        lines = "".join(f"{name} = {target}\n" for name, target in points.items())
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n{lines}")
        for target in points.values():
            (self._root / f"{target.partition(':')[0]}.py").write_text(dedent(source))
        return ProviderRegistry()


@contextmanager
def ground() -> Iterator[Ground]:
    """Fresh ground, gone without a trace afterwards."""
    from stevedore.extension import ExtensionManager

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if OURS.match(name)]:
            patch.delenv(name)
        patch.setenv("XDG_CACHE_HOME", f"{folder}/cache")
        root = Path(folder, "site")
        root.mkdir()
        patch.syspath_prepend(root)
        before = set(sys.modules)
        yield Ground(root, patch)
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", None) or "").startswith(folder):
                del sys.modules[name]
        ExtensionManager.ENTRY_POINT_CACHE.pop(GROUP, None)
