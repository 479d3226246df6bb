"""The couple that the examples of the documentation are about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)

FACTS: dict[str, Any] = {
    "now": NOW.isoformat(),
    "client": {
        "first_name": "Inês",
        "display_name": "Inês & Tomás",
        "email": "ines@example.com",
        "phone": None,
        "status": "booked",
        "locale": "pt",
        "tags": ["summer", "vip"],
        "fields": {"budget": 4000},
    },
    "wedding": {
        "date": "2027-06-12",
        "long_date": "Saturday 12 June 2027",
        "time_zone": "Asia/Tokyo",
        "days_to": 202,
        "guest_count": None,
        "status": "planned",
        "anchors": {"booking": "2026-11-01", "wedding": "2027-06-12"},
    },
    "vendor": {"name": "Luz & Linho", "time_zone": "Europe/Lisbon"},
    "payments": {"received": ["deposit"], "total": 600.5, "amounts": {"deposit": 600.5}},
    "forms": {"submitted": ["timeline"], "answers": {"timeline": {"guests": 80}}},
    "events": {
        "form_submitted": {
            "count": 1,
            "at": "2026-11-20T18:00:00+00:00",
            "id": "evt_1",
            "topic": "timeline",
            "payload": {"answers": {"guests": 80}},
            "topics": {
                "timeline": {
                    "count": 1,
                    "at": "2026-11-20T18:00:00+00:00",
                    "id": "evt_1",
                    "topic": "timeline",
                }
            },
        }
    },
    "messages": {
        "welcome": {
            "sent": True,
            "delivered": True,
            "opened": True,
            "clicked": False,
            "replied": False,
            "bounced": False,
            "failed": False,
            "status": "accepted",
            "at": "2026-11-02T09:00:00+00:00",
        }
    },
    "tasks": {"call": {"status": "done", "choice": "upgrade", "done_at": "2026-11-10T09:00:00+00:00"}},
    "journeys": {"album": {"status": "completed", "result": "completed", "instance": "ins_1"}},
    "variants": {"tone": "warm"},
    "steps": {"quote": {"amount": 2400}},
    "variables": {"tries": 2},
    "parameters": {},
    "trigger": {"type": "manual", "topic": ""},
    "people": {},
}
