"""`manage.py templates` and `manage.py journeyschema`."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from journeys.models import JourneyTemplate
from journeys.services.templates import FOLDER, template_instantiate, templates_sync
from tests.builders import ACTOR, a_journey

pytestmark = pytest.mark.django_db


def run(*words: object) -> str:
    out = StringIO()
    call_command(*[str(word) for word in words], stdout=out)
    return out.getvalue()


def test_the_product_s_files_have_no_problem():
    assert f"{len(list(FOLDER.glob('*.yaml')))} files, no problem." in run("templates", "check")


def test_a_wrong_file_is_refused_with_its_lines(tmp_path: Path):
    file = tmp_path / "wrong.yaml"
    file.write_text("name: A\ndefinition: 3\n", encoding="utf-8")
    out = StringIO()

    with pytest.raises(CommandError, match="1 problem in 1 file"):
        call_command("templates", "check", str(file), stdout=out)
    assert "wrong.yaml:2:13: The definition is no list" in out.getvalue()


def test_a_journey_goes_through_a_file_and_back(vendor, now, tmp_path: Path):
    journey = a_journey().wait("rest", for_="3d").publish(vendor, now=now, name="Our way")
    file = tmp_path / "ours.yaml"
    file.write_text(run("templates", "export", journey.public_id), encoding="utf-8")

    tried = run("templates", "import", file, "--vendor", vendor.public_id, "--dry-run")
    assert "would be new" in tried
    assert not JourneyTemplate.objects.exists()
    assert "is new" in run("templates", "import", file, "--vendor", vendor.public_id)
    assert "is unchanged" in run("templates", "import", file, "--vendor", vendor.public_id)
    template = JourneyTemplate.objects.get()
    assert ("our-way", vendor) == (template.key, template.vendor)
    assert run("templates", "export", template.public_id) == file.read_text(encoding="utf-8")


def test_a_journey_is_compared_with_its_template(vendor, now):
    templates_sync(now=now)
    template = JourneyTemplate.objects.get(key="venue")
    name = next(key for key, one in template.definition["parameters"].items() if one["kind"] == "offset")
    journey = template_instantiate(
        template=template, vendor=vendor, parameters={name: "11d"}, now=now, actor=ACTOR
    )

    assert f"The parameter “{name}”: the value is “11d”" in run("templates", "diff", journey.public_id)
    assert "They say the same." in run("templates", "diff", FOLDER / "venue.yaml", FOLDER / "venue.yaml")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("templates", "export", "jrn_1"), "There is no journey"),
        (("templates", "diff", "jrn_1"), "There is no journey"),
        (("templates", "import", "nowhere.yaml", "--vendor", "ven_1"), "There is no vendor"),
        (("templates", "check", "nowhere.yaml"), "can not be read"),
    ],
)
def test_what_is_not_there_is_said(words, said):
    with pytest.raises(CommandError, match=said):
        run(*words)


def test_the_schema_beside_the_documents_is_current():
    run("journeyschema", "--check")
