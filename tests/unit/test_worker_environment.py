"""The environment of a worker process: what a renderer needs, and no key of the agent."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from avatar_core.contracts.errors import SettingsError
from avatar_core.worker.environment import worker_environment
from avatar_core.worker.process import start_process, stop_worker, worker_exited

SECRETS = (
    *("LIVEKIT_API_SECRET", "LIVEKIT_API_KEY", "LIVEKIT_URL", "TAVUS_API_KEY", "OPENAI_API_KEY"),
    *("AVATAR_LOCAL_API_KEY", "AWS_SECRET_ACCESS_KEY", "DATABASE_URL", "SENTRY_DSN", "MY_PASS"),
    *(
        "NVIDIA_API_KEY",
        "HF_TOKEN",
        "TORCH_PASSWORD",
        "PYTHON_KEYRING",
        "XDG_TOKEN",
        "SSH_AUTH_SOCK",
    ),
)
NEEDED = ("PATH", "HOME", "LC_ALL", "PYTHONPATH", "CUDA_VISIBLE_DEVICES", "https_proxy", "HF_HOME")
PROGRAM = """
import json, os, sys
sys.stdin.readline()
open(os.environ["PYTHONPATH"] + "/environment.json", "w").write(json.dumps(dict(os.environ)))
print("\\nREADY", flush=True)
"""
PATIENCE_S = 20.0


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*SECRETS, *NEEDED):
        monkeypatch.setenv(name, os.environ.get(name, "canary"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.delenv("AVATAR_WORKER_ENV", raising=False)


async def test_worker_process_gets_no_secret(tmp_path: Path) -> None:
    (tmp_path / "a_child.py").write_text(PROGRAM)
    async with asyncio.timeout(PATIENCE_S):
        state = await start_process(
            "a_child", renderer="any:Renderer", livekit_url="ws://none", token="t0ken"
        )
        await worker_exited(state)
        await stop_worker(state)
    inherited = json.loads((tmp_path / "environment.json").read_text())
    assert inherited.keys() & {*SECRETS} == set()
    assert inherited.keys() >= {*NEEDED}


@pytest.mark.parametrize(
    ("setting", "added"),
    [
        ("HF_TOKEN", {"HF_TOKEN"}),
        (" hf_token , DATABASE_URL", {"HF_TOKEN", "DATABASE_URL"}),
        ("SENTRY_*", {"SENTRY_DSN"}),
        ("NVIDIA_*,OPENAI_*", set()),
        ("*", {"DATABASE_URL", "LIVEKIT_URL", "SENTRY_DSN"}),
    ],
)
def test_setting_adds_variables_and_a_pattern_adds_no_secret(
    setting: str, added: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVATAR_WORKER_ENV", setting)
    assert worker_environment().keys() & {*SECRETS} == added


def test_malformed_worker_env_setting_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_WORKER_ENV", "NAME=value")
    with pytest.raises(SettingsError, match="AVATAR_WORKER_ENV"):
        worker_environment()
