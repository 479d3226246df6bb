"""Find what is due in its order, and what travels alone and instant steps without passing by what is due of the other."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("engine", "0019_enrollments")]

    operations = [
        migrations.RemoveIndex(model_name="schedule", name="schedule_due"),
        migrations.AddIndex(
            model_name="schedule",
            index=models.Index(
                fields=["due_at", "id"], name="schedule_due", condition=models.Q(state="waiting")
            ),
        ),
        migrations.AddIndex(
            model_name="schedule",
            index=models.Index(
                fields=["due_at", "id"],
                name="schedule_due_alone",
                condition=models.Q(state="waiting") & (models.Q(outside=True) | models.Q(claims__gt=0)),
            ),
        ),
        migrations.AddIndex(
            model_name="schedule",
            index=models.Index(
                fields=["due_at", "id"],
                name="schedule_due_steps",
                condition=models.Q(state="waiting", outside=False, claims__lte=0),
            ),
        ),
    ]
