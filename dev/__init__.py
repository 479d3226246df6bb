"""Runs the whole system on one machine: real PostgreSQL, real Valkey, every process, one command."""
