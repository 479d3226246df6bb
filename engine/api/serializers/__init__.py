"""What the engine's part of the REST interface takes and gives."""
