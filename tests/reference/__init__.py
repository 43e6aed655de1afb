"""The naive models: slow, obvious, independent of the product."""
