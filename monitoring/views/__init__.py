"""Pages of the Journey Monitor: read the clock, ask once, print."""
