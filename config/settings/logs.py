"""Where log lines go and how they look."""

from __future__ import annotations

from config.env import env
from config.logging import logging_config

LOGGING = logging_config(level=env.log_level, style=env.log_format)
LOGGING_CONFIG = "config.logging.configure"
