"""Base classes for providers: for vendors with a REST API, and for renderers without a vendor."""
