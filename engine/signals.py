"""What the layer above may want to know, told inside the transaction that did it."""

from __future__ import annotations

from django.dispatch import Signal

#: Steps were committed. Arguments: steps (list of `engine.services.commits.StepNote`), now.
steps_committed = Signal()
#: An instance was started, paused, resumed, cancelled or finished. Arguments: instance, now, actor.
instance_changed = Signal()
#: A ticket was opened or resolved. Arguments: ticket, now.
ticket_changed = Signal()
