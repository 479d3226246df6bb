"""The REST interface of what runs: events, instances, steps, queues, tickets."""
