"""Tests of journeys as files: given a couple, expect these messages on these days."""
