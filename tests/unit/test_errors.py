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
    "ProviderNotFoundError": "AV201",
    "ProviderConflictError": "AV202",
    "ProviderLoadError": "AV203",
    "ApiVersionError": "AV204",
    "SettingsError": "AV104",
    "ProvisionError": "AV300",
    "AuthError": "AV301",
    "PaymentError": "AV302",
    "CapacityError": "AV303",
    "RejectedError": "AV304",
    "UnavailableError": "AV305",
    "ProtocolError": "AV306",
    "TransportError": "AV400",
    "JoinTimeoutError": "AV401",
    "AvatarLostError": "AV402",
    "RoomError": "AV403",
    "AudioError": "AV409",
    "WireError": "AV410",
    "UnsupportedCommandError": "AV411",
    "WorkerError": "AV501",
    "ServerError": "AV601",
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
    end = f"[{cls.code}] {cls.code.url}"
    assert str(cls("it broke.")) == f"it broke. {end}"
    error = cls("it broke.", hint="Try again.")
    error.provider = "acme"
    assert str(error) == f"acme: it broke. Try again. {end}"


def test_errors_extend_the_matching_built_in_errors() -> None:
    assert issubclass(ProviderNotFoundError, LookupError)
    assert issubclass(errors.ConfigError, ValueError)
    assert issubclass(errors.JoinTimeoutError, TimeoutError)


def test_provision_error_outcome_defaults_to_unknown() -> None:
    error = ProvisionError("it broke.")
    assert error.outcome is errors.Outcome.UNKNOWN
    assert not error.retryable
