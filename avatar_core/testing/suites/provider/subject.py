"""The declarations in the suite of a provider: the provider, its vendor and its settings."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

from pydantic import SecretStr

from avatar_core.contracts.provider import AvatarProvider
from avatar_core.registry.discovery import GROUP
from avatar_core.registry.validation import ProviderInfo
from avatar_core.settings import ProviderSettings
from avatar_core.testing.fake_vendor.account import VendorAccount
from avatar_core.testing.fake_vendor.expected import ExpectedError
from avatar_core.testing.fake_vendor.fake import FakeVendor
from avatar_core.testing.fake_vendor.socket_vendor import SocketVendor
from avatar_core.testing.suites.check import Blocked, RunOptions


class ProviderSubject:
    """The attributes and hooks of `ProviderSuite`, which documents them."""

    provider: ClassVar[type[AvatarProvider[Any]]]
    vendor: ClassVar[type[FakeVendor] | None] = None
    settings: ClassVar[Mapping[str, Any]] = {}
    golden: ClassVar[str] = ""
    golden_cases: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    errors: ClassVar[Mapping[str, ExpectedError]] = {}
    commands: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    options: RunOptions

    def make_vendor(self, account: VendorAccount) -> FakeVendor | None:
        """Create the fake of the vendor. Override this method if `vendor` needs more arguments.

        The default implementation calls `vendor` with the account, and adds the setting `api_key`
        to the keys that the vendor accepts.

        Args:
            account: The account of the only customer.

        Returns:
            The fake vendor; None for a provider without a vendor.
        """
        if self.vendor is None:
            return None
        vendor = self.vendor(account)
        if "api_key" in self.settings:
            vendor.keys.add(_text(self.settings["api_key"]))
        return vendor

    def connect(self, vendor: FakeVendor, transport: Any) -> type[AvatarProvider[Any]]:
        """Return the provider class that calls the fake vendor instead of the network.

        The default implementation returns a subclass whose attribute `transport` is `transport`. If
        the vendor has sockets, the subclass also has the attribute `connect` of the vendor.
        Override this method for a provider that does not use `transport`.

        Args:
            vendor: The fake vendor.
            transport: An httpx transport that calls the fake vendor and records the calls.

        Returns:
            The provider class.
        """
        cls = self.provider
        names = {"transport": transport, "__module__": cls.__module__}
        if isinstance(vendor, SocketVendor):
            names["connect"] = vendor.connect
        return type(cls.__name__, (cls,), names)

    def load_settings(self, **settings: Any) -> ProviderSettings:
        """Load the settings of the suite, with some values replaced.

        Args:
            settings: Values by field name.

        Returns:
            The settings of the provider.

        Raises:
            Blocked: The settings of the suite are invalid.
        """
        values = {**self.settings, **settings}
        try:
            with self.environment({}):
                loaded: ProviderSettings = self.provider.settings_cls.load(**values)
                return loaded
        except Exception as error:
            raise Blocked("P04", f"the settings of the suite are invalid: {error}") from None

    def variables(self) -> dict[str, str]:
        """Return the environment variables that set the settings of the suite.

        Returns:
            Values by the name of the variable.
        """
        settings_cls = self.provider.settings_cls
        return {
            settings_cls.variable_of(field): _text(value) for field, value in self.settings.items()
        }

    @contextmanager
    def environment(self, variables: Mapping[str, str]) -> Iterator[None]:
        """Set environment variables, and unset all others of the provider, in a `with` block.

        Args:
            variables: The values by the name of the variable.

        Yields:
            None; the environment is restored after the block.
        """
        settings_cls = self.provider.settings_cls
        prefix = settings_cls.model_config.get("env_prefix", "").upper()
        own = settings_cls._variables()
        kept = {
            name: value
            for name, value in os.environ.items()
            if name.upper() not in own and not (prefix and name.upper().startswith(prefix))
        }
        with patch.dict(os.environ, {**kept, **variables}, clear=True):
            yield

    def golden_folder(self) -> Path | None:
        """Return the folder of the golden requests, beside the file of the suite.

        Returns:
            The folder; None if `golden` is empty.
        """
        if not self.golden:
            return None
        return Path(inspect.getfile(type(self))).parent / self.golden

    @classmethod
    def describe(cls) -> Mapping[str, str]:
        """Return what the report says about the provider.

        Returns:
            The name of the suite and of the provider, the distribution and its version.
        """
        name = getattr(cls.provider, "name", "")
        points = [point for point in entry_points(group=GROUP) if point.name == name]
        info = ProviderInfo.of_entry_point(points[0]) if points else None
        return {
            "suite": cls.__name__,
            "provider": name,
            "distribution": info.distribution if info else "",
            "version": info.version if info else "",
        }


def _text(value: Any) -> str:
    """Return a setting as the text of an environment variable."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return value if isinstance(value, str) else json.dumps(value, default=str)
