"""What the layers above may want to know, told inside the transaction that did it.

Every signal carries `now` (aware UTC) and model objects of this layer.
"""

from __future__ import annotations

from django.dispatch import Signal

#: A client was added. Arguments: client, wedding (or None), now, actor.
client_added = Signal()
#: A wedding's date, time, zone, status or anchors changed. Arguments: wedding, before (what stood there, a
#: `journeys.calendars.WeddingState`), correction (True: a mistake was taken back, nothing happened), now, actor.
wedding_moved = Signal()
#: A vendor's region, zone or derived dates changed, which move the steps of all its couples. Arguments: vendor, now,
#: actor.
vendor_dates_changed = Signal()
#: Status, fields or tags of clients changed. Arguments: clients (a sequence), now.
client_changed = Signal()
#: A task was done. Arguments: task, client, now, actor.
task_finished = Signal()
#: A version was published. Arguments: journey, version, now, actor.
version_published = Signal()
