// A form that a couple fills in: what is typed is kept as they go, and one press of the button sends once.

const form = document.querySelector("[data-form]");
const kept = document.querySelector("[data-kept]");
const QUIET_MS = 2500;
let timer = 0;
let sending = false;

document.querySelector("[data-trouble]")?.focus();

async function keep() {
  if (sending) return;
  const body = new FormData(form);
  body.set("action", "keep");
  try {
    const answer = await fetch(window.location.pathname, { method: "POST", body, keepalive: true });
    kept.textContent = answer.ok ? "What you have written so far is kept." : "";
  } catch {
    kept.textContent = "";
  }
}

form?.addEventListener("input", () => {
  window.clearTimeout(timer);
  timer = window.setTimeout(keep, QUIET_MS);
});

form?.addEventListener("submit", (event) => {
  if (sending) {
    event.preventDefault();
    return;
  }
  sending = true;
  window.clearTimeout(timer);
  event.submitter?.setAttribute("aria-disabled", "true");
});

window.addEventListener("pageshow", (event) => {
  if (event.persisted) {
    sending = false;
    form?.querySelectorAll("[aria-disabled]").forEach((button) => button.removeAttribute("aria-disabled"));
  }
});
