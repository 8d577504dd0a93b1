"""The base of all settings: where values come from, and one error for all that is wrong."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from pydantic import AliasChoices, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableError

from avatar_core.contracts.errors import ConfigError, SettingsError

OURS = "AVATAR_"
"""No other program uses variables with this prefix: one that is nearly right is a mistake."""
ALIKE = 0.9


class Settings(BaseSettings):
    """Base of all settings: an empty variable counts as unset, an unknown name is an error.

    Raises:
        SettingsError: One message that names each setting and variable at fault. It holds no
            value, because a misplaced key must not reach a log.
    """

    model_config = SettingsConfigDict(
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    if not TYPE_CHECKING:  # type checkers build the parameters from the fields

        def __init__(self, **values: Any) -> None:
            misspelt = self._misspelt()
            faults: list[str] = []
            missing = False
            try:
                super().__init__(**values)
            except ValidationError as error:
                found = error.errors(include_input=False, include_url=False)
                faults = [self._explain(fault, misspelt) for fault in found]
                missing = all(fault["type"] == "missing" for fault in found)
            except UnreadableError as error:
                field = re.search(r'field "(\w+)"', str(error))
                name = self.variable_of(field[1]) if field else type(self).__name__
                faults = [f"{name}: must be JSON"]
            found_text = " ".join(faults)
            faults = [
                f"{wrong}: there is no such setting. Did you mean {right}?"
                for wrong, right in misspelt.items()
                if f"there is {wrong})" not in found_text
                and self._must_refuse(wrong, right, values)
            ] + faults
            if faults:  # outside the handlers, so that no exception chain leads to a value
                raise self._error(faults, missing=missing)

    @classmethod
    def load(cls, **values: Any) -> Self:
        """Read the settings from the environment; the same as the constructor.

        Type checkers ask the constructor for every field without a default, this one for none.

        Args:
            values: Settings by field name; they override the environment.

        Raises:
            SettingsError: A setting is missing, malformed or unknown.
        """
        return cls(**values)

    @classmethod
    def _owner(cls) -> str | None:
        """The provider that these settings belong to, if any."""
        return None

    @classmethod
    def _error(cls, faults: Sequence[str], *, missing: bool) -> SettingsError:
        text = "; ".join(faults)
        return SettingsError(
            text if text.endswith("?") else f"{text}.",
            provider=cls._owner(),
            hint="Set the value in the environment or pass it in code."
            if missing
            else "Correct the value in the environment or in code.",
        )

    @classmethod
    def _explain(cls, fault: Mapping[str, Any], misspelt: Mapping[str, str]) -> str:
        """Describe a fault that pydantic found in one clause."""
        name = cls.variable_of(str(fault["loc"][0])) if fault["loc"] else cls.__name__
        cause = fault.get("ctx", {}).get("error")
        if fault["type"] == "missing":
            nearly = [wrong for wrong, right in misspelt.items() if right == name]
            what = f"is not set (there is {nearly[0]})" if nearly else "is not set"
        elif fault["type"] == "extra_forbidden":
            close = difflib.get_close_matches(name, cls.model_fields, n=1)
            meant = f". Did you mean {close[0]}?" if close else ""
            what = f"there is no such setting{meant}"
        elif isinstance(cause, ConfigError):
            what = f"{cause.message} {cause.hint}".strip().removesuffix(".")
        else:
            said = str(fault["msg"]).removeprefix("Value error, ")
            what = (
                said.replace("Input should be", "must be")
                .partition(", unable to")[0]
                .removesuffix(".")
            )
        return f"{name}: {what}"

    @classmethod
    def _misspelt(cls) -> dict[str, str]:
        """Map variables that are set and nearly one of these settings to that one."""
        known = cls._variables()
        return {
            name: close[0]
            for name, value in os.environ.items()
            if value
            and name.upper() not in known
            and (close := difflib.get_close_matches(name.upper(), known, n=1, cutoff=ALIKE))
        }

    @classmethod
    def _must_refuse(cls, wrong: str, right: str, values: Mapping[str, Any]) -> bool:
        """Whether a misspelt variable is a mistake and cannot belong to another program.

        Nobody else uses `AVATAR_*`. The stock plugin and other tools of a vendor share its
        prefix, so one of theirs is a mistake only where the setting itself is not set.
        """
        if right.startswith(OURS):
            return True
        prefix = cls.model_config.get("env_prefix", "").upper()
        is_set = cls._variables()[right] in values or any(
            name.upper() == right and value for name, value in os.environ.items()
        )
        return bool(prefix) and wrong.upper().startswith(prefix) and not is_set

    @classmethod
    def _variables(cls) -> dict[str, str]:
        """The field of each variable, by the variable's name in upper case."""
        return {
            name.upper(): field
            for field in cls.model_fields
            for name in (cls.variable_of(field), *cls._aliases(field))
        }

    @classmethod
    def variable_of(cls, field: str) -> str:
        """The environment variable that sets `field`."""
        if field not in cls.model_fields:
            return field
        prefix = cls.model_config.get("env_prefix", "")
        return next(iter(cls._aliases(field)), f"{prefix}{field}".upper())

    @classmethod
    def _aliases(cls, field: str) -> list[str]:
        alias = cls.model_fields[field].validation_alias
        if isinstance(alias, AliasChoices):
            return [str(choice) for choice in alias.choices]
        return [alias] if isinstance(alias, str) else []
