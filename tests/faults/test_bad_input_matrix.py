"""The bad-input matrix: the right error, in words that help, and nothing else broken."""

from __future__ import annotations

import traceback

import pytest

from avatar_core.contracts.errors import AvatarError, ConfigError, SettingsError
from tests.faults.case import SECRET, Row
from tests.faults.matrix import ROWS

LONGEST_MESSAGE = 800


@pytest.mark.parametrize("row", ROWS, ids=[row.id for row in ROWS])
def test_a_row(row: Row) -> None:
    told = row.run()
    if row.error is None:
        assert (told.error, told.text) == (None, "")
        assert row.instead
        return
    assert type(told.error) is row.error, told.text
    assert told.error.code == row.code
    assert f"[{row.code}]" in told.text
    assert told.text.count("[AV") == 1, "one error inside the text of another"
    for name in row.names:
        assert name in told.text
    assert told.error.hint, "nothing says what to do next"
    assert told.error.hint in told.text
    assert told.text.endswith(told.error.hint)
    assert len(told.text) < LONGEST_MESSAGE
    assert SECRET not in told.text
    assert SECRET not in repr(told.error)
    if row.error is SettingsError:  # what a plugin raised by itself stays chained, unquoted
        assert SECRET not in "".join(traceback.format_exception(told.error))


def test_rows_have_names_of_their_own() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS)


def test_every_error_of_a_configuration_is_in_the_matrix() -> None:
    kinds: set[type[AvatarError] | None] = {row.error for row in ROWS}
    assert {ConfigError, *ConfigError.__subclasses__()} <= kinds
