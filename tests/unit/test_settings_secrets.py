"""Errors of settings: neither their frames nor their chain lead to a value, which may be a key."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import pytest

from avatar_core.contracts.errors import SettingsError
from avatar_core.settings import LiveKitSettings, ProviderSettings

CANARY = "s3cr3t-canary"
LIVEKIT = {"url": f"wss://user:{CANARY}@host", "api_key": "k", "api_secret": "s"}


class Vendor(ProviderSettings):
    face: str = ""
    size: int = 1
    old_face: str | None = None
    new_face: str | None = None
    renamed = {"old_face": "new_face"}  # noqa: RUF012 - a ClassVar of the base class


def set_size() -> None:
    setattr(Vendor(), "size", CANARY)  # noqa: B010 - mypy refuses the assignment


def locals_outside(error: BaseException) -> str:
    """Return the local variables of all frames of an error, except those of this file."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return "\n".join(
        f"{frame.f_code.co_name}: {frame.f_locals!r}"
        for frame in frames
        if frame.f_code.co_filename != __file__
    )


CASES: dict[str, Callable[[], Any]] = {
    "load": lambda: LiveKitSettings.load(**LIVEKIT),
    "constructor": lambda: LiveKitSettings(**LIVEKIT),  # type: ignore[arg-type]
    "wrong type": lambda: Vendor.load(size=CANARY),
    "unknown name": lambda: Vendor.load(colour=CANARY),
    "error after all fields are set": lambda: Vendor.load(old_face=CANARY, new_face=CANARY),
    "model_validate": lambda: Vendor.model_validate({"size": CANARY}),
    "model_validate_json": lambda: Vendor.model_validate_json(f'{{"size": "{CANARY}"}}'),
    "JSON list": lambda: Vendor.model_validate_json(f'["{CANARY}"]'),
    "malformed JSON": lambda: Vendor.model_validate_json(CANARY),
    "model_validate_strings": lambda: Vendor.model_validate_strings({"size": CANARY}),
    "assignment": set_size,
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_settings_error_references_no_value(case: Callable[[], Any]) -> None:
    with pytest.raises(SettingsError) as caught:
        case()
    error = caught.value
    assert CANARY not in locals_outside(error)
    assert CANARY not in repr(vars(error))
    assert CANARY not in "".join(traceback.format_exception(error))
    assert error.__cause__ is error.__context__ is None
    assert not hasattr(error, "errors")


def test_search_for_a_secret_includes_the_frames_of_an_error() -> None:
    scope: dict[str, Any] = {}
    exec(compile("def fail(value): raise ValueError", "another file", "exec"), scope)
    with pytest.raises(ValueError) as caught:
        scope["fail"](CANARY)
    assert CANARY in locals_outside(caught.value)


def test_valid_values_are_read_by_every_method() -> None:
    expected = Vendor(size=7)
    assert Vendor.load(size=7) == expected
    assert Vendor.model_validate({"size": 7}) == expected
    assert Vendor.model_validate(expected) is expected
    assert Vendor.model_validate_json('{"size": 7}') == expected
    assert Vendor.model_validate_strings({"size": "7"}) == expected
