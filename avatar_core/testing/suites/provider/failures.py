"""Checks of the errors of `provision`: the right class and the right outcome for each fault.

Each check takes the suite, and raises `CheckFailed` if the provider fails the check.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from avatar_core.contracts.errors import Outcome
from avatar_core.http.memory import FakeResponse
from avatar_core.testing.fake_vendor.expected import (
    CONNECTION_ERRORS,
    RESPONSE_ERRORS,
    STATUS_ERRORS,
    ExpectedError,
)
from avatar_core.testing.fake_vendor.responses import json_response
from avatar_core.testing.suites.check import CheckFailed, Level, check
from avatar_core.testing.suites.provider.bench import Call, open_bench
from avatar_core.testing.suites.provider.creation import as_provision_error, provision_error
from avatar_core.testing.suites.provider.discovery import load_provider
from avatar_core.testing.suites.provider.subject import ProviderSubject

ODD_BODIES: tuple[Any, ...] = ([], "created", {}, None, {"data": None}, {"error": "none"})
"""Bodies that contain no session id, with status 200."""


@check("P13", Level.SILVER)
async def error_statuses_raise_the_right_errors(suite: ProviderSubject) -> None:
    """Each HTTP status of a create request raises the right class with the right outcome."""
    await _check_faults(suite, STATUS_ERRORS)


@check("P14", Level.SILVER)
async def lost_connections_raise_the_right_errors(suite: ProviderSubject) -> None:
    """Each lost connection and missing response raises the right class with the right outcome."""
    await _check_faults(suite, CONNECTION_ERRORS)


@check("P15", Level.SILVER)
async def unusable_responses_raise_the_right_errors(suite: ProviderSubject) -> None:
    """Each response that cannot be read raises the right class with the right outcome."""
    await _check_faults(suite, RESPONSE_ERRORS)


@check("P26", Level.SILVER)
async def odd_responses_raise_no_other_error(suite: ProviderSubject) -> None:
    """A response of an unexpected shape raises a ProvisionError with the outcome UNKNOWN."""
    load_provider(suite)
    for body in ODD_BODIES:
        async with open_bench(suite) as bench:
            bench.need_vendor()
            bench.respond = partial(_respond_to_create, body)
            error = as_provision_error(await provision_error(bench), f"body {body!r}")
            if error.outcome is not Outcome.UNKNOWN:
                raise CheckFailed(
                    f"For the response {body!r}, the outcome is {error.outcome.value}.",
                    "Raise ProtocolError with the outcome UNKNOWN: a session may exist.",
                )


def _respond_to_create(body: Any, call: Call) -> FakeResponse | None:
    """Respond to a create request with a body; let the vendor respond to other requests."""
    return json_response(200, body) if call.operation == "create" else None


async def _check_faults(suite: ProviderSubject, faults: Mapping[str, ExpectedError]) -> None:
    load_provider(suite)
    for fault in faults:
        expected = suite.errors.get(fault, faults[fault])
        async with open_bench(suite) as bench:
            bench.fail(fault)
            error = as_provision_error(await provision_error(bench), fault)
            found = ExpectedError(type(error), error.outcome, error.retryable)
            if found != expected:
                raise CheckFailed(
                    f"Under the fault {fault!r}, provision raised {_describe(found)} instead of "
                    f"{_describe(expected)}.",
                    "Raise the error of RestClient.call as it is. If the vendor documents another "
                    f'meaning, write in the suite: errors = {{"{fault}": ExpectedError(...)}}',
                )
            if not error.hint:
                raise CheckFailed(
                    f"The error under the fault {fault!r} has no hint.",
                    "Say in `hint` what the user can do next.",
                )


def _describe(error: ExpectedError) -> str:
    again = "retryable" if error.retryable else "not retryable"
    return f"{error.kind.__name__} ({error.outcome.value}, {again})"


CHECKS = (
    error_statuses_raise_the_right_errors,
    lost_connections_raise_the_right_errors,
    unusable_responses_raise_the_right_errors,
    odd_responses_raise_no_other_error,
)
