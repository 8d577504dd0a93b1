"""The bad-input matrix: each fault causes the right error with a hint and breaks nothing else."""

from __future__ import annotations

import traceback

import pytest

from avatar_core.contracts.errors import AvatarError, ConfigError, SettingsError
from tests.faults.case import SECRET, Case
from tests.faults.matrix import CASES

MAX_MESSAGE_CHARS = 800


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_bad_input_causes_the_expected_error(case: Case) -> None:
    message = case.run()
    if case.error is None:
        assert (message.error, message.text) == (None, "")
        assert case.consequence
        return
    assert type(message.error) is case.error, message.text
    assert message.error.code == case.code
    assert f"[{case.code}]" in message.text
    assert message.text.count("[AV") == 1, "the message quotes another error"
    for text in case.mentions:
        assert text in message.text
    assert message.error.hint, "the error has no hint"
    assert message.error.hint in message.text
    assert message.text.endswith(f"{message.error.hint} [{case.code}] {message.error.code.url}")
    assert len(message.text) < MAX_MESSAGE_CHARS
    assert SECRET not in message.text
    assert SECRET not in repr(message.error)
    if case.error is SettingsError:  # the error of a plugin stays in the chain, but is not quoted
        assert SECRET not in "".join(traceback.format_exception(message.error))


def test_ids_of_bad_input_cases_are_unique() -> None:
    assert len({case.id for case in CASES}) == len(CASES)


def test_matrix_has_every_configuration_error() -> None:
    kinds: set[type[AvatarError] | None] = {case.error for case in CASES}
    assert {ConfigError, *ConfigError.__subclasses__()} <= kinds
