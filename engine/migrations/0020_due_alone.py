"""Find what is due and travels alone, and instant steps, without passing by what is due of the other."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("engine", "0019_enrollments")]

    operations = [
        migrations.AddIndex(
            model_name="schedule",
            index=models.Index(
                fields=["due_at"],
                name="schedule_due_alone",
                condition=models.Q(state="waiting") & (models.Q(outside=True) | models.Q(claims__gt=0)),
            ),
        ),
        migrations.AddIndex(
            model_name="schedule",
            index=models.Index(
                fields=["due_at"],
                name="schedule_due_steps",
                condition=models.Q(state="waiting", outside=False, claims__lte=0),
            ),
        ),
    ]
