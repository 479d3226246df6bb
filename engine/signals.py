"""What the layer above may want to know, told inside the transaction that did it."""

from __future__ import annotations

from django.dispatch import Signal

#: Steps were committed. Arguments: steps (list of `engine.services.results.StepNote`), now.
steps_committed = Signal()
#: Instances were started, paused, resumed, cancelled or finished. Arguments: instances (a sequence), now, actor, and
#: where it is one deed of one of them, action as the audit names it ("instance.started").
instance_changed = Signal()
#: A passage was begun; it stands at its start. Arguments: instance, now, actor.
instance_started = Signal()
#: Many clients entered a journey at once; `instance_changed` is not sent for them. Arguments: vendor_id, instance_ids
#: (not empty), now.
clients_enrolled = Signal()
#: A ticket was opened, raised, assigned or resolved, or a line of it came or was settled. Arguments: ticket, line (None
#: when it is about the ticket itself), now.
ticket_changed = Signal()
#: A message waits for a person's yes, or does no longer. Arguments: approval, now.
approval_changed = Signal()
#: Stored moments were computed anew with another time-zone database; a receiver that keeps moments of its own does
#: the same. Arguments: version, was, now, moved (a list of `engine.services.recomputing.Recomputed` to add to).
zone_data_changed = Signal()
