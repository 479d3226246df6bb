"""What the layers above may want to know about messages, told inside the transaction that did it."""

from __future__ import annotations

from django.dispatch import Signal

#: A message that was being sent or in doubt is now known to have been taken. Arguments: message, now.
message_settled = Signal()
#: Something new was heard about a message. Arguments: message, event (DeliveryEvent, or None when the receiver used
#: the message's own way out), now.
message_reported = Signal()
#: A genuine report of a provider could not be taken in, by a fault of ours. Arguments: report, error, now. A receiver
#: that keeps it whole, to be taken in later, answers True.
report_broke = Signal()
#: A circuit has opened (once for each outage, not for each probe that fails), has closed, or was set by hand; inside
#: the transaction that did it. Arguments: circuit (as it is now), let_through (as it was before), now, actor ("engine"
#: or who set it).
circuit_changed = Signal()
