"""The REST interface of what is said: journeys, templates, clients, weddings, tasks."""
