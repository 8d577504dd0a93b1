"""The base class of all settings, which reports all invalid settings in one error."""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from pydantic import AliasChoices, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableError

from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import ConfigError, SettingsError

OURS = "AVATAR_"
"""The prefix of the variables of avatar-core. No other program uses this prefix, so a variable with
a similar name is a mistake."""
ALIKE = 0.9
NO_SUCH_SETTING = "there is no such setting"


class Settings(BaseSettings):
    """Base class of all settings.

    An empty environment variable counts as unset. An unknown setting is an error.

    Raises:
        SettingsError: A setting is missing, invalid or unknown. The message names each such setting
            or variable, but quotes no value, because a value may be an API key.
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
            error = self._read_values(values)
            if error is not None:
                del self, values  # so that no frame of the traceback contains a value
                raise error

        def __setattr__(self, name: str, value: Any) -> None:
            if name not in type(self).model_fields:
                super().__setattr__(name, value)
                return
            error = SettingsError(
                f"{self.variable_of(name)}: settings cannot be changed.",
                provider=self._owner(),
                hint="Create a new settings object with the new value.",
            )
            del self, value
            raise error

        def _read_values(self, values: Mapping[str, Any]) -> SettingsError | None:
            """Read the settings.

            Returns:
                An error that quotes no value of a setting; None if the settings are valid.
            """
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
                f"{wrong}: {NO_SUCH_SETTING}. Did you mean {right}?"
                for wrong, right in misspelt.items()
                if f"there is {wrong})" not in found_text
                and self._must_refuse(wrong, right, values)
            ] + faults
            return self._error(faults, missing=missing) if faults else None

        @classmethod
        def model_validate(cls, obj: Any, **options: Any) -> Self:
            """Read the settings from a mapping and the environment.

            Args:
                obj: Values by field name, or settings of this class.
                options: Options of pydantic, which have no effect.

            Returns:
                The settings.

            Raises:
                SettingsError: A setting is missing, invalid or unknown.
            """
            try:
                return obj if isinstance(obj, cls) else cls(**obj)
            finally:
                del obj, options

        @classmethod
        def model_validate_json(cls, json_data: str | bytes, **options: Any) -> Self:
            """Read the settings from a JSON object and the environment.

            Args:
                json_data: A JSON object with values by field name.
                options: Options of pydantic, which have no effect.

            Returns:
                The settings.

            Raises:
                SettingsError: A setting is missing, invalid or unknown.
            """
            try:
                with suppress(ValueError):
                    json_data = json.loads(json_data)
                if isinstance(json_data, dict):
                    return cls(**json_data)
            finally:
                del json_data, options
            raise cls._error([f"{cls.__name__}: the settings must be a JSON object"], missing=False)

        @classmethod
        def model_validate_strings(cls, obj: Any, **options: Any) -> Self:
            """Read the settings from texts and the environment.

            Args:
                obj: Texts by field name.
                options: Options of pydantic, which have no effect.

            Returns:
                The settings.

            Raises:
                SettingsError: A setting is missing, invalid or unknown.
            """
            try:
                return cls(**obj)
            finally:
                del obj, options

    @classmethod
    def load(cls, **values: Any) -> Self:
        """Read the settings from the environment.

        The method `load` does the same as the constructor. Type checkers require an argument of the
        constructor for each field without a default, and require no argument of `load`.

        Args:
            values: Values by field name; a value takes precedence over the environment.

        Returns:
            The settings.

        Raises:
            SettingsError: A setting is missing, invalid or unknown.
        """
        try:
            return cls(**values)
        finally:
            del values  # so that no frame of the traceback contains a value

    @classmethod
    def _owner(cls) -> str | None:
        """Return the name of the provider that the settings belong to, or None."""
        return None

    @classmethod
    def _error(cls, faults: Sequence[str], *, missing: bool) -> SettingsError:
        text = "; ".join(faults)
        unknown = all(NO_SUCH_SETTING in fault for fault in faults)
        code = ErrorCode.UNKNOWN_SETTING if unknown else ErrorCode.INVALID_SETTING
        return SettingsError(
            text if text.endswith("?") else f"{text}.",
            provider=cls._owner(),
            hint="Set the value in the environment or pass it in code."
            if missing
            else "Correct the value in the environment or in code.",
            code=ErrorCode.MISSING_SETTING if missing else code,
        )

    @classmethod
    def _explain(cls, fault: Mapping[str, Any], misspelt: Mapping[str, str]) -> str:
        """Return a clause that describes an error of pydantic, without the value."""
        name = cls.variable_of(str(fault["loc"][0])) if fault["loc"] else cls.__name__
        cause = fault.get("ctx", {}).get("error")
        if fault["type"] == "missing":
            nearly = [wrong for wrong, right in misspelt.items() if right == name]
            what = f"is not set (there is {nearly[0]})" if nearly else "is not set"
        elif fault["type"] == "extra_forbidden":
            close = difflib.get_close_matches(name, cls.model_fields, n=1)
            meant = f". Did you mean {close[0]}?" if close else ""
            what = f"{NO_SUCH_SETTING}{meant}"
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
        """Return the variables that are set and similar to a variable of these settings.

        A name is similar if few of its letters differ, or if it lacks the last words of exactly one
        variable, as `ACME_FACE` lacks a word of `ACME_FACE_ID`. A name with additional words is not
        similar, because users and tools keep other values under such names, such as
        `ACME_API_KEY_FILE`.

        Returns:
            The variable of these settings, by the name of the similar variable.
        """
        known = cls._variables()
        return {
            name: close[0]
            for name, value in os.environ.items()
            if value
            and name.upper() not in known
            and (
                close := difflib.get_close_matches(name.upper(), known, n=1, cutoff=ALIKE)
                or cls._completions(name.upper())
            )
        }

    @classmethod
    def _completions(cls, name: str) -> list[str]:
        """Return the only variable that begins with the words of a name; else an empty list."""
        prefix = str(cls.model_config.get("env_prefix", "")).upper()
        if not prefix or not name.startswith(prefix) or name == prefix:
            return []
        found = {
            field: variable
            for variable, field in cls._variables().items()
            if variable.startswith(f"{name}_")
        }
        return list(found.values()) if len(found) == 1 else []

    @classmethod
    def _must_refuse(cls, wrong: str, right: str, values: Mapping[str, Any]) -> bool:
        """Return whether a misspelt variable is a mistake of the user.

        No other program uses the prefix `AVATAR_`. Other tools of a vendor use the vendor's prefix,
        so a similar variable is a mistake only if the setting itself is not set.
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
        """Return the field of each variable, by the variable's name in upper case."""
        return {
            name.upper(): field
            for field in cls.model_fields
            for name in (cls.variable_of(field), *cls._aliases(field))
        }

    @classmethod
    def variable_of(cls, field: str) -> str:
        """Return the environment variable that sets a field.

        Args:
            field: The name of the field.

        Returns:
            The name of the variable; `field` itself if the settings have no such field.
        """
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
