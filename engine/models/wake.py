"""What happened and may be waited for: an outbox, emptied right after the commit and by every dispatch tick."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from journeys.models import Client


class Wake(models.Model):
    """Tokens of this client that await one of the topics are to be asked again. The row is deleted when they were."""

    #: No constraint in the database: the row is short-lived and a client's may go with it.
    client = models.ForeignKey(Client, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    topics = ArrayField(models.CharField(max_length=100))
    #: PostgreSQL's own time, not the engine's.
    written_at = models.DateTimeField(db_default=Now())
    #: How often telling it broke, and when it is tried again by PostgreSQL's own time.
    broke = models.PositiveSmallIntegerField(default=0, db_default=0)
    next_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.client_id}: {', '.join(self.topics)}"
