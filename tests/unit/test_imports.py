"""What `import avatar_core` costs, and what it must not load."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

import avatar_core

PROBE = """
import json, sys, time
before = time.perf_counter()
{statement}
took_s = time.perf_counter() - before
try:
    status = open("/proc/self/status").read()
    peak_mb = int(status.split("VmHWM:")[1].split()[0]) / 1024
except (OSError, IndexError):
    peak_mb = None
loaded = sorted({{name.partition(".")[0] for name in sys.modules}})
print(json.dumps({{"took_s": took_s, "peak_mb": peak_mb, "loaded": loaded}}))
"""
HEAVY = {
    *("aiohttp", "httpx", "jwt", "livekit", "numpy", "psutil", "pydantic", "pydantic_settings"),
    *("rich", "soxr", "stevedore", "tenacity", "typer", "websockets"),
}


def probe(statement: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(statement=statement)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def best_of_five(statement: str) -> dict[str, Any]:
    return min((probe(statement) for _ in range(5)), key=lambda seen: seen["took_s"])


def test_the_bare_import_is_light() -> None:
    seen = best_of_five("import avatar_core")
    assert not HEAVY & set(seen["loaded"])
    assert seen["took_s"] < 0.15
    assert seen["peak_mb"] is None or seen["peak_mb"] < 40


def test_a_provider_author_needs_no_livekit() -> None:
    seen = best_of_five("from avatar_core import AvatarProvider, ProviderSettings")
    assert not {"livekit", "httpx", "stevedore"} & set(seen["loaded"])
    bare = best_of_five("from avatar_core import AvatarProvider")
    assert not HEAVY & set(bare["loaded"])
    assert bare["took_s"] < 0.5


def test_the_contracts_load_the_standard_library_alone() -> None:
    modules = "provider audio playback capabilities renderer link wire clock events errors"
    seen = probe("".join(f"import avatar_core.contracts.{name}\n" for name in modules.split()))
    ours = {"avatar_core", "__main__"}
    before = set(probe("pass")["loaded"])
    assert not set(seen["loaded"]) - before - ours - sys.stdlib_module_names


def test_the_engine_needs_neither_livekit_nor_httpx() -> None:
    seen = probe("import avatar_core.registry.discovery, avatar_core.registry.selection")
    assert not {"livekit", "httpx", "stevedore"} & set(seen["loaded"])


def test_the_public_names_are_sorted() -> None:
    assert list(avatar_core.__all__) == sorted(set(avatar_core.__all__))
    assert set(avatar_core.__all__) <= set(dir(avatar_core))
    assert isinstance(avatar_core.__version__, str)
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = avatar_core.nothing_of_the_kind


@pytest.mark.parametrize("name", avatar_core.__all__)
def test_a_public_name_can_be_imported(name: str) -> None:
    found = getattr(avatar_core, name)
    assert getattr(found, "__name__", name) == name
