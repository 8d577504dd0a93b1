"""The checks of `RendererSuite`, and the code that draws and measures frames."""
