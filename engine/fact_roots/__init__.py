"""What steps may read, one file for each source, found by `engine.discovery`: see `engine.services.facts`."""
