"""The error classes equal the tree in the module's docstring, and keep their codes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from avatar_core.contracts import errors
from avatar_core.contracts.errors import AvatarError, ProviderNotFoundError, ProvisionError

CODES = {
    "AvatarError": "AV000",
    "ConfigError": "AV100",
    "ProviderNotFoundError": "AV101",
    "ProviderConflictError": "AV102",
    "ProviderLoadError": "AV103",
    "ApiVersionError": "AV104",
    "SettingsError": "AV105",
    "ProvisionError": "AV200",
    "AuthError": "AV201",
    "PaymentError": "AV202",
    "CapacityError": "AV203",
    "RejectedError": "AV204",
    "UnavailableError": "AV205",
    "ProtocolError": "AV206",
    "TransportError": "AV300",
    "JoinTimeoutError": "AV301",
    "AvatarLostError": "AV302",
    "RoomError": "AV303",
    "AudioError": "AV400",
    "WireError": "AV401",
    "UnsupportedCommandError": "AV402",
    "WorkerError": "AV403",
    "ServerError": "AV404",
}
DRAWN = re.compile(r"^([ │├└─]*)(\w+)\s+(AV\d{3})", re.MULTILINE)


def tree(cls: type[AvatarError], depth: int = 0) -> Iterator[tuple[int, str, str]]:
    yield depth, cls.__name__, cls.code
    for child in cls.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from tree(child, depth + 1)


def all_errors() -> list[type[AvatarError]]:
    return [getattr(errors, name) for _, name, _ in tree(AvatarError)]


def test_module_docstring_shows_the_tree_of_error_classes() -> None:
    drawn = [
        (round(len(indent) / 4 + 0.25) if indent else 0, name, code)
        for indent, name, code in DRAWN.findall(errors.__doc__ or "")
    ]
    assert drawn == list(tree(AvatarError))


def test_error_codes_are_unique_and_stable() -> None:
    assert {cls.__name__: cls.code for cls in all_errors()} == CODES
    assert len(set(CODES.values())) == len(CODES)
    assert all("code" in vars(cls) for cls in all_errors())


@pytest.mark.parametrize("cls", all_errors())
def test_str_of_an_error_has_code_provider_message_and_hint(cls: type[AvatarError]) -> None:
    assert str(cls("it broke.")) == f"[{cls.code}] it broke."
    error = cls("it broke.", hint="Try again.")
    error.provider = "acme"
    assert str(error) == f"[{cls.code}] acme: it broke. Try again."


def test_errors_extend_the_matching_built_in_errors() -> None:
    assert issubclass(ProviderNotFoundError, LookupError)
    assert issubclass(errors.ConfigError, ValueError)
    assert issubclass(errors.JoinTimeoutError, TimeoutError)


def test_provision_error_outcome_defaults_to_unknown() -> None:
    error = ProvisionError("it broke.")
    assert error.outcome is errors.Outcome.UNKNOWN
    assert not error.retryable
