"""Figures of the engine, each beside a yardstick of the same run; one file a question."""
