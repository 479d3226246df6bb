"""The monitor in a real browser."""

from __future__ import annotations

import pytest

from engine.models import Instance
from engine.services.instances import instance_pause
from tests.builders import ACTOR, a_couple
from tests.drive import run_until_idle

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.stack]

PAGES = ["", "instances/", "couples/", "journeys/", "forecast/", "tickets/"]

#: Controls without a name, repeated ids, pictures without words, and headings that skip a level.
FAULTS = """() => {
  const faults = [];
  const name = (element) => (element.getAttribute('aria-label') || element.textContent || element.title || '').trim();
  for (const element of document.querySelectorAll('a, button, summary')) if (!name(element)) faults.push(element.outerHTML.slice(0, 120));
  for (const field of document.querySelectorAll('input:not([type=hidden]), select, textarea'))
    if (!field.labels.length && !field.getAttribute('aria-label')) faults.push(field.outerHTML.slice(0, 120));
  const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push('id ' + id);
  for (const drawing of document.querySelectorAll('main svg'))
    if (!drawing.closest('[aria-hidden=true]') && !drawing.closest('[role=img]')) faults.push(drawing.outerHTML.slice(0, 80));
  let level = 0;
  for (const heading of document.querySelectorAll('h1, h2, h3, h4')) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) faults.push('heading ' + heading.textContent);
    level = next;
  }
  if (document.querySelectorAll('h1').length !== 1) faults.push('one h1');
  if (!document.documentElement.lang) faults.push('lang');
  return faults;
}"""


def test_figures_change_while_the_page_is_looked_at(page, world):
    assert page.locator("[data-live=active]").inner_text() == "3"
    page.locator("[data-live-switch][data-state=live]").wait_for()
    from engine.services.instances import instance_start

    instance_start(
        vendor=world.vendor,
        journey=world.journey,
        client=a_couple(world.vendor, now=world.now),
        variables={},
        now=world.now,
        actor=ACTOR,
    )
    run_until_idle(world.now)
    page.locator("[data-live=active]", has_text="4").wait_for(timeout=10_000)
    page.get_by_text("4 couples are on their way.").wait_for(timeout=10_000)


def test_updates_are_held_while_the_reader_wants_it(page, world):
    switch = page.locator("[data-live-switch]")
    page.locator("[data-live-switch][data-state=live]").wait_for()
    switch.click()
    instance_pause(instance=world.instances[0], now=world.now, actor=ACTOR)
    page.get_by_text("new, show").wait_for(timeout=10_000)
    switch.click()
    page.locator("[data-live-switch][data-state=live]").wait_for()


def test_row_is_paused_from_the_list(page, world):
    page.goto(f"{world.base}/journey-monitor/instances/")
    page.locator("button[value^='pause:']").first.click()
    page.get_by_text("Paused 1 journey.").wait_for()
    assert Instance.objects.filter(status="paused").count() == 1


def test_rows_are_chosen_and_paused_together(page, world):
    page.goto(f"{world.base}/journey-monitor/instances/")
    page.get_by_label("Choose all lines").check()
    page.get_by_text("3 chosen").wait_for()
    page.locator("[data-bulk] button[value=pause]").click()
    page.get_by_text("Paused 3 journeys.").wait_for()
    assert Instance.objects.filter(status="paused").count() == 3


def test_couple_is_found_with_the_key_and_its_time_line_read(page, world):
    page.keyboard.press("/")
    page.wait_for_url("**/couples/#q")
    page.keyboard.type("ines")
    page.keyboard.press("Enter")
    page.locator(f"a[href*='{world.couples[1].public_id}']").click()
    page.get_by_role("heading", name="The wedding day").wait_for()
    order = page.locator(".tl h3").all_inner_texts()
    assert (
        order.index("welcome")
        < order.index("checklist")
        < order.index("The wedding day")
        < order.index("review")
    )


def test_wedding_is_moved_after_a_look_at_what_moves(page, world):
    page.goto(f"{world.base}/journey-monitor/couples/{world.couples[0].public_id}/")
    wedding = world.couples[0].weddings.get()
    page.get_by_label("Date").fill(wedding.date.replace(year=wedding.date.year + 1).isoformat())
    page.get_by_role("button", name="See what moves").click()
    page.get_by_text("2 steps move with it").wait_for()
    page.get_by_role("button", name="Move the wedding").click()
    page.get_by_text("The wedding is moved. 2 steps moved with it.").wait_for()
    assert wedding.date.year + 1 == world.couples[0].weddings.get().date.year


@pytest.mark.parametrize("path", PAGES)
def test_page_fits_a_small_phone_without_scrolling_sideways(page, world, path):
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(f"{world.base}/journey-monitor/{path}")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert page.get_by_role("navigation", name="Main, at the bottom").is_visible()


def test_time_line_fits_a_small_phone(page, world):
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(f"{world.base}/journey-monitor/couples/{world.couples[2].public_id}/")
    assert page.evaluate("document.documentElement.scrollWidth") == 320


@pytest.mark.parametrize("path", PAGES)
def test_page_can_be_used_without_seeing_it(page, world, path):
    page.goto(f"{world.base}/journey-monitor/{path}")
    assert page.evaluate(FAULTS) == []


def test_time_line_can_be_used_without_seeing_it(page, world):
    page.goto(f"{world.base}/journey-monitor/couples/{world.couples[1].public_id}/")
    assert page.evaluate(FAULTS) == []


def test_pages_work_without_scripts(chromium, world):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{world.base}/login/")
    page.fill("#id_username", "mafalda@luz.example.com")
    page.fill("#id_password", "a long password")
    page.click("button.go")
    page.goto(f"{world.base}/journey-monitor/instances/")
    page.locator("input[name=ids]").first.check()
    page.locator("button[name=do][value=cancel]").click()
    page.get_by_role("button", name="Stop 1 journey").click()
    page.get_by_text("Stopped 1 journey.").wait_for()
    context.close()


def test_fonts_are_our_own(page, world):
    page.goto(f"{world.base}/journey-monitor/")
    page.evaluate("document.fonts.ready")
    assert page.evaluate("document.fonts.check('16px \"Inter Variable\"')")
    assert page.evaluate("document.fonts.check('16px \"Newsreader Variable\"')")


def test_person_logs_out_from_the_menu(page, world):
    page.get_by_label("mafalda@luz.example.com, account").click()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login/")
