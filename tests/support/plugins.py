"""Provider plugins for tests: source code, and distributions installed on disk as pip does it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from avatar_core.registry.discovery import GROUP

PROVIDER = """\
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
    """Return the source of a complete provider.

    Args:
        name: Name of the provider.
        body: One more line for the class.
        api_version: The expression for its `api_version`.

    Returns:
        Python source code.
    """
    return PROVIDER.format(name=name, body=body, api_version=api_version)


class FakeSite:
    """A folder that stands for site-packages: tests install distributions into it.

    Args:
        root: The folder.

    Attributes:
        root: The folder.
        modules: Names of the modules that were installed.
    """

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
        """Write the contents of a wheel: metadata, entry points and modules.

        Args:
            distribution: Name of the distribution.
            points: Targets of its entry points, by name.
            modules: Source code of its modules, by name.
            requires: One requirement for its metadata.
            group: The group of the entry points.
        """
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
def make_site(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[FakeSite]:
    """Put a `FakeSite` and an empty cache below `folder` while the block runs.

    Args:
        folder: The parent folder of both.
        patch: Restores the environment after the block.

    Yields:
        The site.
    """
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
