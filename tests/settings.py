"""The project's settings with an environment for tests; what the shell has set wins."""

from __future__ import annotations

import base64
import os

_KEY = base64.b64encode(bytes(range(32))).decode()

for _name, _value in {
    "DATABASE_URL": "postgres://postgres@127.0.0.1:5432/journeys",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "SECRET_KEY": "a-secret-key-for-tests-only-0123456789",
    "DATA_KEYS": f"t1:{_KEY}",
    "INDEX_KEY": _KEY,
    "ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
    "CLOCK_MOVABLE": "true",
    "LOG_FORMAT": "console",
    "LOG_LEVEL": "WARNING",
}.items():
    os.environ.setdefault(_name, _value)

# Tests side by side do not hear each other's bells: each process takes a database of Redis of its own.
if _worker := os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw"):
    _server, _, _number = os.environ["REDIS_URL"].rpartition("/")
    os.environ["REDIS_URL"] = f"{_server}/{(int(_number) + 8 * int(_worker)) % 16}"

from config.settings import *

# Passwords are checked often and keep nothing safe here.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# No manifest is built for a test run.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Static files are read from the apps, without a folder that somebody collected.
WHITENOISE_AUTOREFRESH = True
