"""Measure the engine beside raw Celery, on the same machine, in the same run."""
