"""Packs the examples for `avatar new provider`: python tools/pack_examples.py.

Run this program after a change of an example. A test compares the packs with the examples.
"""

from __future__ import annotations

import sys
from pathlib import Path

from source_text import tracked_files

from avatar_core.cli.scaffold.packs import COMMON, EXAMPLES, pack

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "avatar_core/cli/scaffold"
SHARED = (".gitignore", ".github/workflows/ci.yml", "LICENSE")
"""Files that are equal in all examples."""


def make_packs(root: Path = ROOT) -> dict[str, str]:
    """Return the text of each pack by its name.

    Raises:
        ValueError: A shared file differs between two examples, or a file cannot be packed.
    """
    packs: dict[str, str] = {}
    shared: dict[str, str] = {}
    for kind, (_, folder) in EXAMPLES.items():
        contents = {
            str(path.relative_to(root / folder)): path.read_text(encoding="utf-8")
            for path in tracked_files(root, folder)
        }
        for path in SHARED:
            if contents[path] != shared.setdefault(path, contents[path]):
                raise ValueError(f"{path} of {folder} differs from that of another example.")
            del contents[path]
        packs[kind] = pack(contents)
    return {COMMON: pack(shared), **packs}


def main() -> int:
    """Write the packs, and return the exit code."""
    for name, text in make_packs().items():
        (FOLDER / f"{name}.txt").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
