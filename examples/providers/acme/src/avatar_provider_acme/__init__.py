"""The provider for Acme: avatars of a vendor with a REST API."""

from avatar_provider_acme.provider import AcmeProvider
from avatar_provider_acme.settings import AcmeSettings

__all__ = ["AcmeProvider", "AcmeSettings"]
