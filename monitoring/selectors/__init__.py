"""What the pages show, read for one vendor at a time."""
