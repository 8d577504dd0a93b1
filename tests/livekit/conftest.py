"""The native runtime ends before the interpreter does: at exit its threads may call into it."""

from __future__ import annotations

import gc
import sys


def pytest_sessionfinish() -> None:
    """Dispose of it, as livekit.rtc itself does at exit, which once panicked (exit code 134)."""
    client = sys.modules.get("livekit.rtc._ffi_client")
    if client is not None and client.FfiClient._instance is not None:
        gc.collect()
        client.FfiClient._instance._dispose()
