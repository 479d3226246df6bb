"""The monitor's part of the REST API."""
