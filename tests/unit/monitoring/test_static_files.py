"""Fonts, icons and styles as they are committed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
STATIC = ROOT / "journeys" / "static" / "journeys"
TEMPLATES = sorted(
    path for app in ("journeys", "monitoring") for path in (ROOT / app / "templates").rglob("*.html")
)
SPRITE = set(re.findall(r'<symbol id="([im]-[a-z-]+)"', (STATIC / "icons.svg").read_text()))


def test_committed_fonts_and_icons_are_what_the_build_makes():
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("Node is not installed here: the committed files are used as they are.")
    if not (ROOT / "frontend" / "node_modules").exists():
        pytest.skip("frontend/node_modules is not installed: run `npm ci` in frontend/ to check.")
    answer = subprocess.run(
        [npm, "run", "--silent", "check"], cwd=ROOT / "frontend", capture_output=True, text=True, check=False
    )
    assert 0 == answer.returncode, answer.stderr


def test_lock_file_names_no_download_address():
    assert '"resolved"' not in (ROOT / "frontend" / "package-lock.json").read_text()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_template_has_no_inline_script_or_style(path):
    text = path.read_text()
    assert not re.search(r"\sstyle=|\son[a-z]+=\"|<style|<script(?![^>]*\ssrc=)", text)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_icon_a_template_names_is_in_the_sprite(path):
    text = path.read_text()
    named = {f"i-{name}" for name in re.findall(r'{% icon "([a-z-]+)"', text)}
    named |= {f"m-{name}" for name in re.findall(r'{% mark "([a-z-]+)"', text)}
    assert set() == named - SPRITE


def test_every_step_type_has_its_icon_in_the_sprite():
    from journeys.language.registry import node_types

    assert set() == {f"i-{one.icon}" for one in node_types} - SPRITE


def test_styles_use_tokens_only():
    styles = re.sub(r"/\*.*?\*/", "", (STATIC / "app.css").read_text(), flags=re.DOTALL)
    assert [] == re.findall(r"#[0-9a-fA-F]{3,8}\b|rgb\(", styles)
    known = set(re.findall(r"(--[a-z0-9-]+):", (STATIC / "tokens.css").read_text() + styles))
    assert set() == set(re.findall(r"var\((--[a-z0-9-]+)", styles)) - known


def _luminance(color):
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


TOKENS = {
    name: (light, dark)
    for name, light, dark in re.findall(
        r"--([a-z0-9-]+):\s*light-dark\((#[0-9A-F]{6}), (#[0-9A-F]{6})\)", (STATIC / "tokens.css").read_text()
    )
}
TEXT_ON = [
    (text, ground)
    for ground in ("canvas", "surface", "sunken")
    for text in ("ink", "ink-2", "ink-3", "journey-primary", "journey-secondary", "wedding-rose")
] + [
    ("warn", "warn-soft"),
    ("danger", "danger-soft"),
    ("on-critical", "critical"),
    ("on-primary", "journey-primary"),
    ("on-danger", "danger"),
    ("ink-2", "wedding-rose-soft"),
    ("wedding-rose", "wedding-rose-soft"),
]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXT_ON)
def test_text_can_be_read_on_its_ground(text, ground, theme):
    over, under = sorted((_luminance(TOKENS[text][theme]), _luminance(TOKENS[ground][theme])), reverse=True)
    assert (over + 0.05) / (under + 0.05) >= 4.5
