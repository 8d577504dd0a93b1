"""`avatar list` and `avatar reap` print text or JSON, and plugins can add commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from avatar_core.cli import app
from avatar_core.provisioning.ledger import Ledger
from avatar_core.provisioning.ledger_entry import LedgerEntry
from tests.support.plugins import FakeSite, provider_source

WIDE = {"COLUMNS": "200"}


def avatar(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments, env=WIDE)
    return result.exit_code, result.output


def test_list_prints_the_distribution_of_each_provider() -> None:
    code, said = avatar("list")
    assert code == 0
    assert "avatar-provider-mock" in said
    assert "found" in said
    reported = json.loads(avatar("list", "--json", "--load")[1])
    states = {row["name"]: row["state"] for row in reported}
    assert states["mock"] == "ready"


def test_list_reports_providers_that_cannot_be_used(site: FakeSite) -> None:
    site.install(
        "avatar-provider-old",
        {"old": "plugin_old:Provider"},
        {"plugin_old": provider_source("old", api_version="(9, 0)")},
    )
    site.install("avatar-provider-gone", {"gone": "plugin_gone:Provider"})
    for name in ("one", "two"):
        site.install(f"avatar-provider-{name}", {"twin": f"plugin_{name}:Provider"})
    code, said = avatar("list", "--load", "--json")
    assert code == 1
    rows = {row["name"]: row for row in json.loads(said)}
    assert rows["old"]["state"] == "wrong api"
    assert rows["gone"]["state"] == "broken"
    assert rows["twin"]["state"] == "duplicate"
    assert "pip uninstall" in rows["twin"]["error"]
    assert "AV204" in avatar("list", "--load")[1]
    assert avatar("list")[0] == 1  # the twins are reported without an import


def test_list_and_doctor_show_the_cause_of_an_error_on_request(
    site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install(
        "avatar-provider-half",
        {"half": "plugin_half:Provider"},
        {"plugin_half": provider_source("half").replace("async def release", "def let_go")},
    )
    monkeypatch.setenv("AVATAR_PROVIDER", "half")
    for command in (["list", "--load"], ["doctor"]):
        code, said = avatar(*command)
        assert code == 1
        assert "Provider does not define release" in said
        assert 'plugin_half.py"' not in said
        assert 'plugin_half.py", line 6' in avatar(*command, "-v")[1]
        reported = json.loads(avatar(*command, "--json")[1])
        assert [row["trace"] for row in reported if row["trace"]]


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setenv("AVATAR_LEDGER", str(tmp_path / "ledger"))
    return Ledger(tmp_path / "ledger")


def left_behind(ledger: Ledger, provider: str, *, dead: bool = True) -> LedgerEntry:
    ledger_entry = LedgerEntry.pending(
        provider, f"key of {provider}", "a room", f"{provider}-avatar-1"
    )
    state = {"process": {"pid": 1, "started": 0.0, "nonce": "no such worker"}}
    ledger_entry = replace(ledger_entry, session_id=f"{provider}-1", state=state)
    ledger_entry = (
        replace(ledger_entry, started=ledger_entry.started - 60) if dead else ledger_entry
    )
    ledger.write(ledger_entry)
    return ledger_entry


def test_reap_ends_orphaned_sessions_and_prints_the_results(ledger: Ledger) -> None:
    assert avatar("reap") == (0, "The ledger is empty: no session is open.\n")
    left_behind(ledger, "mock")
    alive = left_behind(ledger, "local", dead=False)
    code, said = avatar("reap", "--dry-run")
    assert code == 1
    assert "would_end" in said
    assert len(ledger.read_all()) == 2
    code, said = avatar("reap", "--json")
    assert code == 0
    assert {result["provider"]: result["status"] for result in json.loads(said)} == {
        "mock": "ended",
        "local": "alive",
    }
    assert ledger.read_all() == [alive]


def test_reap_keeps_sessions_that_cannot_be_ended(ledger: Ledger) -> None:
    ledger_entry = left_behind(ledger, "uninstalled")
    code, said = avatar("reap")
    assert code == 1
    assert "failed" in said
    assert "No provider named 'uninstalled' is installed" in said
    assert ledger.read_all() == [ledger_entry]


def test_reap_needs_livekit_url_only_for_sessions_without_an_id(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIVEKIT_URL", raising=False)
    ledger_entry = replace(left_behind(ledger, "mock"), session_id="")
    ledger.write(ledger_entry)
    reported = json.loads(avatar("reap", "--json")[1])
    assert {result["session"]: result["status"] for result in reported} == {
        "mock-1": "ended",
        None: "failed",
    }
    (kept,) = [result for result in reported if result["status"] == "failed"]
    assert "LIVEKIT_URL" in kept["why"]


def test_reap_treats_https_and_wss_as_the_same_server(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "127.0.0.1:1"  # nothing listens on port 1
    monkeypatch.setenv("LIVEKIT_URL", f"https://{url}")
    monkeypatch.setenv("LIVEKIT_API_KEY", "key")
    monkeypatch.setenv("LIVEKIT_API_SECRET", "s" * 40)
    ours = replace(left_behind(ledger, "mock"), session_id="", livekit_url=f"wss://{url}")
    ledger.write(ours)
    reported = json.loads(avatar("reap", "--json")[1])
    (failed,) = [result for result in reported if result["status"] == "failed"]
    assert "another LiveKit server" not in failed["why"]
    assert "did not remove" in failed["why"]


def test_broken_plugin_command_reports_its_error_and_others_work(site: FakeSite) -> None:
    site.install(
        "avatar-provider-sick",
        {"sick": "plugin_sick:app", "odd": "plugin_odd:app", "exits": "plugin_exits:app"},
        {
            "plugin_sick": "import no_such_module",
            "plugin_odd": "app = 7",
            "plugin_exits": "raise SystemExit(3)",
        },
        group="avatar_core.commands",
    )
    code, said = avatar("--help")
    assert code == 0
    assert "tavus-sim" in said
    assert said.count("Unavailable") == 3
    code, said = avatar("sick")
    assert code == 2
    assert "avatar-provider-sick 1.2 needs the module no_such_module" in said
    assert "Traceback" not in said
    assert avatar("odd")[0] == avatar("exits")[0] == 2


def test_plugin_adds_its_commands_to_avatar() -> None:
    code, said = avatar("--help")
    assert code == 0
    assert "tavus-sim" in said
    code, said = avatar("tavus", "create-pal", "--help")
    assert code == 0
    assert "--face" in said
    assert avatar("nothing")[0] == 2


def test_version_prints_the_installed_version() -> None:
    assert avatar("--version") == (0, f"avatar-core {version('avatar-core')}\n")


def complete(line: str) -> list[str]:
    """Return what bash offers after a command line."""
    requested = {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    env = {"_AVATAR_COMPLETE": "complete_bash", **requested}
    return CliRunner().invoke(app, env=env, prog_name="avatar").output.split()


def test_completion_includes_the_commands_of_plugins(site: FakeSite) -> None:
    site.install(
        "avatar-provider-sick",
        {"sick": "plugin_sick:app"},
        {"plugin_sick": "import no_such_module"},
        group="avatar_core.commands",
    )
    assert {"doctor", "list", "tavus", "tavus-sim", "sick"} <= set(complete("avatar "))
    assert complete("avatar do") == ["doctor"]
    assert complete("avatar tavus ") == ["create-pal"]
    assert complete("avatar doctor --j") == ["--json"]
    assert complete("avatar worker --provider lo") == ["local"]


def test_only_the_top_level_help_offers_to_install_completion(site: FakeSite) -> None:
    site.install(
        "avatar-provider-well",
        {"well": "plugin_well:app"},
        {"plugin_well": "import typer\napp = typer.Typer()\napp.command()(lambda: None)"},
        group="avatar_core.commands",
    )
    assert "--install-completion" in avatar("--help")[1]
    code, said = avatar("well", "--help")
    assert code == 0
    assert "completion" not in said


def run_piped(*arguments: str) -> tuple[int, str]:
    """Run the command as a process whose output is a pipe of no width."""
    program = "import sys; from avatar_core.cli import app; app(prog_name='avatar')"
    env = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**env, "TERM": "dumb"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


LONG = (
    "a-provider-with-a-name-that-is-much-longer-than-the-eighty-columns-of-a-pipe-without-a-width"
)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["worker", "--serve", "--provider", LONG], LONG),
        (
            ["worker", "--provider", "x"],
            "Invalid value: the option --serve is missing. Add --serve",
        ),
        ([LONG], f"No such command '{LONG}'."),
        (["list", f"--{LONG}"], f"No such option: --{LONG}"),
        (["reap"], "cannot be read (Not a directory)"),
    ],
)
def test_error_in_a_pipe_is_one_line_without_a_box(
    arguments: list[str], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ("a folder with a long name " * 5)
    file.write_text("")
    monkeypatch.setenv("AVATAR_LEDGER", str(file))
    code, said = run_piped(*arguments)
    assert code == 2
    error = [one for one in said.splitlines() if line in one][-1]
    assert "│" not in said
    assert "╭" not in said
    assert not error.startswith(" ")


def test_list_shows_the_voice() -> None:
    code, said = run_piped("list")
    assert code == 0
    assert "voice" in said
    (row,) = [row for row in json.loads(avatar("list", "--json")[1]) if row["name"] == "voice"]
    assert (row["distribution"], row["state"]) == ("avatar-core", "ready")


def test_list_in_a_pipe_wraps_no_name(site: FakeSite) -> None:
    site.install(f"avatar-provider-{LONG}", {LONG: "plugin_long:Provider"})
    said = CliRunner().invoke(app, ["list"]).output
    assert any(LONG in one and f"avatar-provider-{LONG}" in one for one in said.splitlines())


@pytest.mark.parametrize(
    "arguments",
    [
        ["worker", "--serve", "--provider", "nobody"],
        ["worker", "--serve", "--provider", "mock"],
        ["reap"],
        ["tavus", "create-pal"],
        ["demo", "--offline"],
        ["nothing"],
    ],
)
def test_error_in_the_configuration_exits_with_2(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("AVATAR_LEDGER", str(file))
    monkeypatch.setenv("AVATAR_PROVIDER", "nobody")
    monkeypatch.delenv("TAVUS_API_KEY", raising=False)
    assert run_piped(*arguments)[0] == 2
