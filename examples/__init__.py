"""Samples that the demo and the tests run on: `marketplace/` is two weeks of a made-up creator marketplace."""
