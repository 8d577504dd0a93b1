"""Checks of the settings: environment variables, and errors that name variables but no values.

Each check takes the suite, and raises `CheckFailed` if the provider fails the check.
"""

from __future__ import annotations

from avatar_core.contracts.errors import ConfigError
from avatar_core.settings import ProviderSettings
from avatar_core.testing.suites.check import (
    Blocked,
    CheckFailed,
    Level,
    NotApplicable,
    check,
    message_of,
)
from avatar_core.testing.suites.provider.bench import open_bench
from avatar_core.testing.suites.provider.subject import ProviderSubject
from avatar_core.testing.suites.secrets import error_texts

CANARY = "canary-value-7c1e"
BAD_VALUES = (f"{CANARY}\n", f"{CANARY} {CANARY}", f"clé-{CANARY}", f"http://user:{CANARY}@[")
"""Values that a user may type by mistake, and that no field should quote."""


@check("P04", Level.BRONZE)
async def settings_come_from_the_environment(suite: ProviderSubject) -> None:
    """The provider can be created from environment variables alone, without arguments in code."""
    settings_cls = suite.provider.settings_cls
    try:
        with suite.environment(suite.variables()):
            from_environment = settings_cls.load()
        with suite.environment({}):
            from_code = settings_cls.load(**suite.settings)
    except ConfigError as error:
        raise CheckFailed(
            f"The settings of the suite are invalid: {error}",
            "Set `settings` of the suite to valid values, by the names of the fields.",
        ) from None
    different = [
        name
        for name in settings_cls.model_fields
        if getattr(from_environment, name) != getattr(from_code, name)
    ]
    if different:
        raise CheckFailed(
            f"The environment variable {settings_cls.variable_of(different[0])} does not set the "
            f"field {different[0]}.",
            "Set model_config = SettingsConfigDict(env_prefix=...) in the settings class.",
        )
    try:
        async with open_bench(suite):
            pass
    except Blocked as error:
        raise CheckFailed(
            str(error).partition(": ")[2],
            "Raise ConfigError in `setup` only for invalid settings, and do no I/O in it.",
        ) from None


@check("P05", Level.BRONZE)
def missing_variables_are_named(suite: ProviderSubject) -> None:
    """If a required variable is not set, the error names the variable."""
    settings_cls, variables = suite.provider.settings_cls, suite.variables()
    required = [name for name, field in settings_cls.model_fields.items() if field.is_required()]
    if not required:
        raise NotApplicable("the provider has no required settings")
    for field in required:
        variable = settings_cls.variable_of(field)
        text = _error_without(settings_cls, suite, variables, variable)
        if text is None:
            raise CheckFailed(
                f"The settings load without the required variable {variable}.",
                f"Do not set {field} from anything else than the environment and arguments.",
            )
        if variable not in text:
            raise CheckFailed(
                f"Without {variable} the error does not name the variable: {text}",
                "Declare the setting as a field without a default, and let the base class report.",
            )


@check("P06", Level.SILVER)
def misspelt_variables_are_named(suite: ProviderSubject) -> None:
    """If a variable is misspelt, the error names the misspelt and the correct variable."""
    settings_cls, variables = suite.provider.settings_cls, suite.variables()
    if not variables:
        raise NotApplicable("the suite has no settings")
    for variable, value in variables.items():
        wrong = f"{variable[:-2]}{variable[-1]}"
        others = {name: text for name, text in variables.items() if name != variable}
        text = _load_error(settings_cls, suite, {**others, wrong: value})
        if text is None or wrong not in text or variable not in text:
            raise CheckFailed(
                f"If {wrong} is set instead of {variable}, "
                + (f"the error does not name both: {text}" if text else "no error is raised."),
                "Set env_prefix of the settings class to a prefix that only your variables have.",
            )


@check("P07", Level.SILVER)
async def errors_of_settings_quote_no_value(suite: ProviderSubject) -> None:
    """No error about a setting contains the value of the setting, which may be an API key."""
    settings_cls, variables = suite.provider.settings_cls, suite.variables()
    async with open_bench(suite) as bench:
        provider_class = bench.provider_class
    for field in settings_cls.model_fields:
        for value in BAD_VALUES:
            try:
                with suite.environment({**variables, settings_cls.variable_of(field): value}):
                    provider_class(settings_cls.load())
            except Exception as error:
                said = message_of(error)
                if any(CANARY in text for text in error_texts(error, with_locals=False)):
                    raise CheckFailed(
                        f"The error about {settings_cls.variable_of(field)} quotes its value: "
                        f"{said.replace(CANARY, '<value>')}",
                        "Name the variable in the message, and leave the value out.",
                    ) from None


def _error_without(
    settings_cls: type[ProviderSettings],
    suite: ProviderSubject,
    variables: dict[str, str],
    variable: str,
) -> str | None:
    others = {name: value for name, value in variables.items() if name != variable}
    return _load_error(settings_cls, suite, others)


def _load_error(
    settings_cls: type[ProviderSettings], suite: ProviderSubject, variables: dict[str, str]
) -> str | None:
    """Return the text of the error that the settings raise, or None."""
    try:
        with suite.environment(variables):
            settings_cls.load()
    except ConfigError as error:
        return str(error)
    except Exception as error:
        return f"{type(error).__name__} escaped"
    return None


CHECKS = (
    settings_come_from_the_environment,
    missing_variables_are_named,
    misspelt_variables_are_named,
    errors_of_settings_quote_no_value,
)
