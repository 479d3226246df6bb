"""What the REST interface takes and gives."""
