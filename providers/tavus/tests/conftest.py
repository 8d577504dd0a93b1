"""As for all tests: one livekit-server where a real one is needed, and nothing left behind."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[3] / "tests/unit"))

from tests.conftest import _nothing_left_behind, _own_ledger, server
from tests.livekit.conftest import pytest_sessionfinish

__all__ = ["_nothing_left_behind", "_own_ledger", "pytest_sessionfinish", "server"]
