"""What the engine does, one module for each part of it."""
