"""Provider plugins: their source, and distributions of them laid out on disk, as pip would."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from avatar_core.registry.discovery import GROUP

WHOLE = """\
from avatar_core import AvatarProvider, ProviderSettings

class Settings(ProviderSettings):
    provider = {name!r}

class Provider(AvatarProvider[Settings]):
    name = {name!r}
    api_version = {api_version}
    async def provision(self, request): ...
    async def release(self, avatar, reason): ...
    {body}
"""


def provider_source(name: str = "bad", body: str = "", api_version: str = "(1, 0)") -> str:
    """A whole provider; `body` is one more line of its class."""
    return WHOLE.format(name=name, body=body, api_version=api_version)


class FakeSite:
    """A folder on `sys.path` that takes distributions."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.modules: set[str] = set()

    def install(
        self,
        distribution: str,
        points: Mapping[str, str],
        modules: Mapping[str, str] | None = None,
        *,
        requires: str = "",
        group: str = GROUP,
    ) -> None:
        """Write a wheel's contents: metadata, entry points, modules."""
        info = self.root / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir(exist_ok=True)
        needs = f"Requires-Dist: {requires}\n" if requires else ""
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n{needs}"
        )
        lines = "".join(f"{name} = {target}\n" for name, target in points.items())
        (info / "entry_points.txt").write_text(f"[{group}]\n{lines}")
        for name, source in (modules or {}).items():
            (self.root / f"{name}.py").write_text(source)
            self.modules.add(name)


@contextmanager
def fake_site(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[FakeSite]:
    """A site in this folder, with a cache of its own; forgotten afterwards."""
    from stevedore.extension import ExtensionManager

    patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    root = folder / "site"
    root.mkdir()
    patch.syspath_prepend(root)
    site = FakeSite(root)
    try:
        yield site
    finally:
        ExtensionManager.ENTRY_POINT_CACHE.pop(GROUP, None)
        for name in site.modules:
            sys.modules.pop(name, None)
