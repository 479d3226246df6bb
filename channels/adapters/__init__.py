"""Providers, one file each; see `channels.contract.Adapter` for how to add one."""
