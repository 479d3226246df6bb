"""Forms, pages, secrets and hooks in tests: one row of each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from engine.models import FormSubmission, Instance, WebhookCall
from engine.services.incoming import hook_add
from journeys.services.forms import form_add, info_page_add
from journeys.services.secrets import secret_set
from tests.builders import ACTOR


def pages_ids(instance: Instance, *, now: datetime) -> dict[str, Any]:
    """Give the ids that addresses of forms, pages, secrets, hooks and modules name."""
    vendor = instance.vendor
    form = form_add(
        vendor=vendor,
        key="headcount",
        title="How many?",
        fields=[{"name": "guests", "label": "Guests", "kind": "number"}],
        now=now,
        actor=ACTOR,
    )
    FormSubmission.objects.create(
        vendor=vendor,
        client=instance.client,
        instance=instance,
        form=form,
        place=f"{instance.public_id}:ask::1",
        role="partner_1",
        answers={"guests": 80},
        submitted_at=now,
    )
    WebhookCall.objects.create(
        vendor=vendor,
        instance=instance,
        node_id="call",
        place=f"{instance.public_id}:call::1",
        method="POST",
        host="example.com",
        status=WebhookCall.Status.ANSWERED,
        created_at=now,
        called_at=now,
    )
    page = info_page_add(vendor=vendor, key="directions", title="Way", body="Left.", now=now, actor=ACTOR)
    return {
        "form_id": form.public_id,
        "page_id": page.public_id,
        "secret_id": secret_set(vendor=vendor, name="crm", value="x", now=now, actor=ACTOR).public_id,
        "hook_id": hook_add(vendor=vendor, name="studio", now=now, actor=ACTOR).hook.public_id,
        "name": "email",
    }
