"""The provider Neural, whose mouth a small neural network draws."""

from avatar_provider_neural.provider import NeuralProvider
from avatar_provider_neural.settings import NeuralSettings

__all__ = ["NeuralProvider", "NeuralSettings"]
