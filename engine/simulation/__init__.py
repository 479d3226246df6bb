"""What would happen, before it does: the engine's own code over couples that live in memory only."""
