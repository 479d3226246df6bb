"""The ASGI application that uvicorn serves."""

from __future__ import annotations

import os
import warnings
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.core.asgi import get_asgi_application

# Static files are read in one piece: they are small, and their browsers keep them.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

# The application is built first: what it wraps needs Django's apps.
_django: Any = get_asgi_application()

from journeys.api.limits import limit_bodies

application = limit_bodies(_django)
