"""The ASGI application that uvicorn serves."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

# What is wrapped below needs Django's apps.
django.setup(set_prefix=False)

from django.conf import settings

from config.threads import ThreadedHandler
from journeys.api.limits import limit_bodies

# A thread more than there are connections would only wait for one.
_django: Any = ThreadedHandler(threads=settings.DATABASE_POOL_SIZE)

application = limit_bodies(_django)
