"""The checks of `TransportSuite`, the fake far end, and the driver that plays takes."""
