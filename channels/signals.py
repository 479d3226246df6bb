"""What the layers above may want to know about messages, told inside the transaction that did it."""

from __future__ import annotations

from django.dispatch import Signal

#: A message that was being sent or in doubt is now known to have been taken. Arguments: message, now.
message_settled = Signal()
#: Something new was heard about a message. Arguments: message, event (DeliveryEvent, or None when the receiver used
#: the message's own way out), now.
message_reported = Signal()
