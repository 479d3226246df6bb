"""What the layers above may want to know, told inside the transaction that did it.

Every signal carries `now` (aware UTC) and model objects of this layer.
"""

from __future__ import annotations

from django.dispatch import Signal

#: A client was added. Arguments: client, wedding (or None), now, actor.
client_added = Signal()
#: A wedding's date, time, zone or anchors changed. Arguments: wedding, now, actor.
wedding_moved = Signal()
#: A client's status, fields or tags changed. Arguments: client, now, actor.
client_changed = Signal()
#: A version was published. Arguments: journey, version, now, actor.
version_published = Signal()
