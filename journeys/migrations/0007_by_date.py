"""Find what a date starts, and the next of very many clients, through an index."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("journeys", "0006_task_choices")]

    operations = [
        migrations.AddIndex(
            model_name="client",
            index=models.Index(fields=["vendor", "id"], name="client_of_vendor"),
        ),
        migrations.AddIndex(
            model_name="version",
            index=models.Index(
                condition=models.Q(("trigger_type", "date_based")), fields=["journey"], name="version_by_date"
            ),
        ),
        migrations.AddIndex(
            model_name="weddinganchor",
            index=models.Index(fields=["vendor", "name", "date"], name="anchor_by_date"),
        ),
    ]
