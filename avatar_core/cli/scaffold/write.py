"""Writes the package of a new provider."""

from __future__ import annotations

from pathlib import Path

from avatar_core.cli.scaffold.names import ProviderName, rename
from avatar_core.cli.scaffold.packs import EXAMPLES, Kind, read_pack
from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import ConfigError
from avatar_core.registry.discovery import ProviderRegistry


def write_provider(name: str, kind: Kind, folder: Path) -> int:
    """Write the package of a new provider.

    Args:
        name: The name of the provider.
        kind: The kind of the provider.
        folder: The folder of the package, which does not exist or is empty.

    Returns:
        The number of files.

    Raises:
        ConfigError: The name or the folder cannot be used.
    """
    checked = ProviderName.check(name, ProviderRegistry())
    example, _ = EXAMPLES[kind]
    contents = {
        rename(path, example, checked): rename(text, example, checked)
        for path, text in read_pack(kind).items()
    }
    try:
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            raise ConfigError(
                f"The folder {folder} already exists.",
                hint="Choose another folder with --into, or another name.",
                code=ErrorCode.SCAFFOLD,
            )
        for path, text in contents.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"The folder {folder} cannot be written ({error.strerror}).",
            hint="Choose another folder with --into.",
            code=ErrorCode.SCAFFOLD,
        ) from error
    return len(contents)
