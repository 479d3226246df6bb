"""Step types: one file for each, found by `engine.discovery`. They answer; the engine acts."""
