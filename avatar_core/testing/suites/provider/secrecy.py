"""Checks of secrets: planted keys and tokens appear in no log, output, error, object or record.

Each check takes the suite, and raises `CheckFailed` if the provider fails the check.
"""

from __future__ import annotations

import io
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    asynccontextmanager,
    contextmanager,
    redirect_stderr,
    redirect_stdout,
    suppress,
)
from typing import Any

from avatar_core.http.memory import FakeResponse
from avatar_core.testing.fake_vendor.responses import json_response
from avatar_core.testing.suites.check import CheckFailed, Level, check
from avatar_core.testing.suites.provider.bench import Bench, Call, open_bench
from avatar_core.testing.suites.provider.creation import provision_error
from avatar_core.testing.suites.provider.discovery import load_provider
from avatar_core.testing.suites.provider.record import write_record
from avatar_core.testing.suites.provider.subject import ProviderSubject
from avatar_core.testing.suites.secrets import error_texts

ECHO = "echo"
FAULTS_TO_SEARCH = ("", "401", "500 after create", "reset after create", "html", ECHO)


@check("P32", Level.GOLD)
async def logs_and_output_contain_no_secret(suite: ProviderSubject) -> None:
    """No log record and no printed line contains the API key or a room token."""
    load_provider(suite)
    for fault in _faults(suite):
        async with _open_with_canary(suite, fault) as bench:
            with _record_output() as texts:
                await _start_and_end(bench)
            _search(bench, texts(), f"A log or the output, under the fault {fault or 'none'!r},")


@check("P33", Level.GOLD)
async def errors_contain_no_secret(suite: ProviderSubject) -> None:
    """No error, with its causes and the local variables of its traceback, contains a secret."""
    load_provider(suite)
    for fault in _faults(suite):
        async with _open_with_canary(suite, fault) as bench:
            error = await provision_error(bench)
            if error is not None:
                _search(bench, list(error_texts(error)), f"The error under the fault {fault!r}")


@check("P34", Level.GOLD)
async def objects_and_records_contain_no_secret(suite: ProviderSubject) -> None:
    """No repr, attribute or ledger record contains a secret."""
    load_provider(suite)
    async with _open_with_canary(suite) as bench:
        avatar = await bench.provision()
        _search(bench, [write_record(avatar), repr(avatar)], "The record of the session")
        for thing in (bench.provider, bench.provider.settings, *vars(bench.provider).values()):
            texts = [repr(thing), str(thing), str(getattr(thing, "__dict__", ""))]
            _search(bench, texts, f"The object {type(thing).__name__}")


def _faults(suite: ProviderSubject) -> tuple[str, ...]:
    """Return the faults under which the checks search for secrets."""
    return FAULTS_TO_SEARCH if suite.vendor is not None else ("",)


@asynccontextmanager
async def _open_with_canary(suite: ProviderSubject, fault: str = "") -> AsyncIterator[Bench]:
    """Open a bench whose API key is a text that appears nowhere else."""
    settings: dict[str, Any] = (
        {"api_key": "canary-key-5d1e9c"} if "api_key" in suite.settings else {}
    )
    async with open_bench(suite, **settings) as bench:
        if bench.vendor is not None:
            bench.vendor.keys.update(settings.values())
        if fault == ECHO:
            bench.respond = _echo
        elif fault:
            bench.fail(fault)
        yield bench


async def _start_and_end(bench: Bench) -> None:
    with suppress(Exception):
        avatar = await bench.provider.provision(bench.request(deadline_s=1.0))
        await bench.provider.release(avatar, "the check ends")


def _echo(call: Call) -> FakeResponse:
    """Repeat a request in the error message, as some vendors do."""
    echo = f"{dict(call.headers)} {call.body.decode(errors='replace')}"
    return json_response(400, {"error": {"message": echo}})


@contextmanager
def _record_output() -> Iterator[Callable[[], list[str]]]:
    """Record all logs and all output in a `with` block."""
    logs: list[str] = []

    class Handler(logging.Handler):
        """A handler that records the texts of all log records."""

        def emit(self, record: logging.LogRecord) -> None:
            """Record the message, the attributes and the error of a log record.

            Args:
                record: The log record.
            """
            logs.append(f"{record.getMessage()} {vars(record)}")
            if record.exc_info and record.exc_info[1]:
                logs.extend(error_texts(record.exc_info[1]))

    root, handler, output = logging.getLogger(), Handler(), io.StringIO()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with redirect_stdout(output), redirect_stderr(output):
            yield lambda: [*logs, output.getvalue()]
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def _search(bench: Bench, texts: list[str], where: str) -> None:
    for secret in bench.secrets():
        if any(secret in text for text in texts):
            kind = "API key" if secret.startswith("canary") else "room token"
            raise CheckFailed(
                f"{where} contains the {kind}.",
                "Keep secrets in SecretStr, and call get_secret_value only in the argument of the "
                "call that sends it.",
            )


CHECKS = (
    logs_and_output_contain_no_secret,
    errors_contain_no_secret,
    objects_and_records_contain_no_secret,
)
