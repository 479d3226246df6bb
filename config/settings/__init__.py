"""All settings, gathered from one file for each concern."""

from __future__ import annotations

import zoneinfo

import django_stubs_ext

from config.settings.alerts import *
from config.settings.api import *
from config.settings.base import *
from config.settings.channels import *
from config.settings.database import *
from config.settings.logs import *
from config.settings.queue import *
from config.settings.security import *

# The pinned tzdata package wins over the zone files of whatever machine this runs on.
zoneinfo.reset_tzpath(to=[])
# Django's generic classes may be written with their types, as in models.CharField[str, str].
django_stubs_ext.monkeypatch()
