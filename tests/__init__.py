"""Tests, from single functions to the whole system."""
