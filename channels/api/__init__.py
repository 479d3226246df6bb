"""The channels' part of the REST API, and the addresses that providers call."""
