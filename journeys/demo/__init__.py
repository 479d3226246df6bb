"""Couples to try the system with: none of them exists."""
