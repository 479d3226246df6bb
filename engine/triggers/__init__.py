"""Trigger types: one file for each, found by `engine.discovery`."""
