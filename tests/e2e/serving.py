"""The ASGI application with static files straight from the apps."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler

from config.asgi import application as served

application = ASGIStaticFilesHandler(served)
