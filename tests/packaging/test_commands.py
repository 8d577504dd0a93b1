"""The command `avatar` works with only the wheel of avatar-core, and with the mock provider too."""

from __future__ import annotations

import json
from importlib.metadata import version

import pytest

from tests.packaging.commands import ALONE, COMMANDS, WITH_MOCK, Ended, Runs
from tests.packaging.environment import INSTALL_S, CleanEnvironment
from tests.packaging.wheels import ROOT

pytestmark = pytest.mark.timeout(INSTALL_S)


@pytest.mark.parametrize("installed", [ALONE, WITH_MOCK])
@pytest.mark.parametrize("command", COMMANDS)
def test_command_ends_without_traceback(runs: Runs, installed: str, command: str) -> None:
    ended = runs[installed, command]
    assert ended.stderr == ""
    assert "Traceback" not in ended.stdout
    assert ended.returncode == (1 if command == "doctor" else 0)  # no LIVEKIT_URL is set


@pytest.mark.parametrize("installed", [ALONE, WITH_MOCK])
def test_version_option_prints_the_version_of_the_wheel(runs: Runs, installed: str) -> None:
    assert runs[installed, "--version"].stdout == f"avatar-core {version('avatar-core')}\n"


def test_list_prints_the_installed_providers(runs: Runs) -> None:
    assert runs[ALONE, "list"].stdout.startswith("No provider is installed.")
    (voice,) = json.loads(runs[ALONE, "list --load"].stdout)
    row, _ = json.loads(runs[WITH_MOCK, "list --load"].stdout)
    assert (voice["name"], voice["distribution"]) == ("voice", "avatar-core")
    assert (row["name"], row["distribution"]) == ("mock", "avatar-provider-mock")
    assert (row["state"], row["error"]) == ("ready", "")


def test_doctor_reports_a_status_for_each_check(runs: Runs) -> None:
    alone = read_statuses(runs[ALONE, "doctor"])
    assert alone == {"provider": "fault", "versions": "ok", "ledger": "ok", "LiveKit": "fault"}
    parts = {"mock reachability": "ok", "mock probe": "ok"}
    assert read_statuses(runs[WITH_MOCK, "doctor"]) == {**alone, "provider": "ok", **parts}


def test_wheel_contains_the_pages_of_the_errors(runs: Runs) -> None:
    page = (ROOT / "docs/errors/AV302.md").read_text(encoding="utf-8")
    assert runs[ALONE, "explain"].stdout == page


def test_wheel_contains_the_packages_of_new_providers(
    runs: Runs, environment: CleanEnvironment
) -> None:
    assert runs[ALONE, "new"].stdout.startswith("Created new-avatar-core with ")
    written = environment.home / "new-avatar-core/src/avatar_provider_acme/provider.py"
    example = ROOT / "examples/providers/acme/src/avatar_provider_acme/provider.py"
    assert written.read_text(encoding="utf-8") == example.read_text(encoding="utf-8")


def read_statuses(doctor: Ended) -> dict[str, str]:
    """Return the status of each check by its name."""
    return {check["check"]: check["status"] for check in json.loads(doctor.stdout)}
