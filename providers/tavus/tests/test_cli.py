"""`avatar tavus-sim` rejects invalid options and unusable ports."""

from __future__ import annotations

import errno
import socket

import pytest
from avatar_provider_tavus.simulator import server
from typer.testing import CliRunner

from avatar_core.cli import app


def simulate(*options: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["tavus-sim", *options], env={"COLUMNS": "200"})
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--credits", "-1", "Invalid value"),
        ("--credits", "nan", "Invalid value"),
        ("--join", "-0.5", "Invalid value"),
        ("--join", "inf", "not a finite number"),
        ("--join", "nan", "Invalid value"),
        ("--face", "nonsense", "'nonsense' cannot be imported"),
        ("--face", "no.such:Face", "ModuleNotFoundError"),
        ("--face", "json:loads", "not a subclass of avatar_core.Renderer"),
        ("--fault", "no such", "has no fault"),
    ],
)
def test_invalid_option_value_is_rejected(option: str, value: str, said: str) -> None:
    code, reported = simulate(option, value)
    assert code == 2
    assert option in reported or option == "--fault"
    assert said in reported


def test_error_distinguishes_a_port_in_use_from_a_forbidden_port(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        assert simulate("--port", str(port)) == (
            2,
            f"Port {port} is already in use. Choose another port with --port.\n",
        )

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(server, "serving", refuse)
    code, reported = simulate("--port", "80")
    assert (code, "already in use" in reported) == (2, False)
    assert "cannot be used (Permission denied)" in reported
