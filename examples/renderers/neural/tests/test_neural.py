"""The provider Neural and its renderer pass the checks of avatar-core."""

from avatar_core.testing import ProviderSuite, RendererSuite

from avatar_provider_neural import NeuralProvider


class TestNeural(ProviderSuite):
    provider = NeuralProvider
    settings = {"size": 128}


class TestNeuralRenderer(RendererSuite):
    renderer = NeuralProvider.renderer
    renderer_options = {"size": 128, "batch": 2, "patience_s": 30.0}
    variants = [{"size": 256, "batch": 1, "patience_s": 30.0}]
