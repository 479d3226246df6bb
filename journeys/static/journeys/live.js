// Live updates for pages that work without them: parts marked data-part are read anew when something happened,
// figures marked data-live are written as they come. Nothing moves while it is being used.

const LIVE = "/journey-monitor/live";
const PART_EVERY_MS = 3000;
const STALE_MS = 30000;

const page = document.documentElement;
const live = document.querySelector("[data-live-switch]");
const word = document.querySelector("[data-live-word]");
const more = document.querySelector("[data-live-more]");

let source = null;
let heardAt = 0;
let held = false;
let waiting = 0;
let planned = 0;
let reading = false;

function state(name, text, detail) {
  if (!live) return;
  live.dataset.state = name;
  word.textContent = text;
  more.textContent = detail;
}

function clockTime(at) {
  return new Date(at).toLocaleTimeString([], { hour12: false });
}

function show() {
  if (held) return state("held", "Held by you", waiting ? `${waiting} new, show` : "");
  const open = source && source.readyState === EventSource.OPEN;
  if (!open) {
    page.classList.toggle("stale", heardAt > 0 && Date.now() - heardAt > STALE_MS);
    return state("waiting", heardAt ? "Reconnecting" : "Connecting", heardAt ? `last at ${clockTime(heardAt)}` : "");
  }
  page.classList.remove("stale");
  const seconds = Math.max(0, Math.round((Date.now() - heardAt) / 1000));
  state("live", "Live", seconds < 60 ? `updated ${seconds} s ago` : `updated at ${clockTime(heardAt)}`);
}

function write(figures) {
  for (const [name, text] of Object.entries(figures)) {
    for (const element of document.querySelectorAll(`[data-live="${name}"]`)) {
      if (element.textContent !== text) element.textContent = text;
      if (element.classList.contains("count")) element.hidden = text === "0";
    }
  }
}

// A part is in use while it has the focus, an open fold, or something chosen in it.
function inUse(part) {
  const focus = document.activeElement;
  if (focus && focus !== document.body && part.contains(focus) && focus.matches("input, select, textarea, summary, button")) return true;
  return Boolean(part.querySelector("details[open]:not([data-open]), input[type=checkbox]:checked"));
}

async function readParts() {
  planned = 0;
  const parts = [...document.querySelectorAll("[data-part]")];
  if (!parts.length || held || reading || document.hidden) return;
  reading = true;
  try {
    const answer = await fetch(location.href, { headers: { "X-Part": "1" }, credentials: "same-origin" });
    if (!answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of parts) {
      const next = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
      if (!next || next.innerHTML === part.innerHTML) continue;
      if (inUse(part)) {
        waiting += 1;
        planLater(PART_EVERY_MS);
        continue;
      }
      part.replaceChildren(...next.childNodes);
    }
  } catch {
    planLater(PART_EVERY_MS * 2);
  } finally {
    reading = false;
  }
}

function planLater(delay) {
  if (!planned) planned = setTimeout(readParts, delay);
}

function concerns(data) {
  const only = document.body.dataset.client;
  if (!only) return true;
  return data.client === only || (data.steps || []).some((step) => step.client === only);
}

function happened(event) {
  heardAt = Date.now();
  const data = JSON.parse(event.data);
  if (held) {
    waiting += 1;
    return show();
  }
  if (event.type === "cards") write(data);
  else if (event.type === "lost" || concerns(data)) planLater(500);
  show();
}

function connect() {
  source = new EventSource(LIVE);
  source.onopen = () => { heardAt = Date.now(); show(); };
  source.onerror = show;
  for (const kind of ["cards", "step", "instance", "ticket", "message", "lost"]) source.addEventListener(kind, happened);
}

if (live) {
  live.addEventListener("click", () => {
    held = !held;
    if (!held) { waiting = 0; readParts(); }
    show();
  });
  connect();
  setInterval(show, 1000);
  // Plans come true without an event of their own: read the parts again now and then.
  setInterval(() => planLater(0), 60000);
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
}

// Choosing rows: one box for all, and the bar says how many.
function countChosen(form) {
  const boxes = [...form.querySelectorAll("input[name=ids]")];
  const chosen = boxes.filter((box) => box.checked).length;
  const bar = form.querySelector("[data-bulk]");
  if (!bar) return;
  bar.classList.toggle("on", chosen > 0);
  bar.querySelector("[data-chosen]").textContent = chosen ? `${chosen} chosen` : bar.dataset.none;
  for (const button of bar.querySelectorAll("button[name=do]")) button.disabled = chosen === 0;
  const all = form.querySelector("[data-all]");
  if (all) {
    all.checked = chosen > 0 && chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
  }
}

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-choose]");
  if (form) {
    if (event.target.matches("[data-all]")) {
      for (const box of form.querySelectorAll("input[name=ids]")) box.checked = event.target.checked;
    }
    countChosen(form);
  }
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});
for (const form of document.querySelectorAll("form[data-choose]")) countChosen(form);

// "/" goes to the search, Escape closes an open menu, a click elsewhere too.
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, select, textarea, [contenteditable]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const field = document.getElementById("q");
    const link = document.querySelector("[data-find]");
    if (field) { event.preventDefault(); field.focus(); field.select(); }
    else if (link) { event.preventDefault(); link.click(); }
  }
  if (event.key === "Escape") for (const menu of document.querySelectorAll("details.menu[open]")) { menu.open = false; menu.querySelector("summary").focus(); }
});
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
if (location.hash === "#q") document.getElementById("q")?.focus();
