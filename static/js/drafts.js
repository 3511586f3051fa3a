// textarea[data-draft="key"]: what is typed there, and in the form around it, survives a closed tab, until it is saved, discarded or a week old.
import { masked } from "./card_numbers.js";

const PREFIX = `draft:${document.body.dataset.user ?? localStorage.getItem("capture:user") ?? ""}:`; // without a connection the page knows no user
const SENT = "drafts-sent";
const WEEK = 7 * 24 * 3600 * 1000;

const slot = (area) => PREFIX + area.dataset.draft;
const areas = (within) => [...(within.matches?.("textarea[data-draft]") ? [within] : []), ...(within.querySelectorAll?.("textarea[data-draft]") ?? [])];

const around = (area) => [...(area.form?.elements ?? [])].filter((one) => one !== area && one.name && !["hidden", "submit", "button", "file", "password"].includes(one.type));
const ticks = (one) => ["checkbox", "radio"].includes(one.type);
const isTyped = (one) => !ticks(one) && one.tagName !== "SELECT" && one.value.trim() !== "";

document.addEventListener("input", ({ target }) => {
  const form = target.closest?.("form");
  const area = target.matches?.("textarea[data-draft]") ? target : form && areas(form)[0];
  if (!area) return;
  const rest = around(area);
  if (!area.value.trim() && !rest.some(isTyped)) return localStorage.removeItem(slot(area));
  const fields = rest.map((one) => [one.name, ticks(one) ? one.checked && one.value : masked(one.value)]);
  localStorage.setItem(slot(area), JSON.stringify({ at: Date.now(), text: masked(area.value), fields }));
});

// A plain form is known to be saved when the next page does not show it as refused.
document.addEventListener("submit", ({ target }) => {
  const keys = areas(target).map(slot);
  if (keys.length && !target.matches("[hx-post], [hx-put], [hx-patch]")) sessionStorage.setItem(SENT, JSON.stringify(keys));
  if (target.matches("[data-forget-drafts]")) ownKeys().forEach((key) => localStorage.removeItem(key));
});

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.requestConfig.verb === "get" || detail.xhr.status >= 400) return;
  areas(detail.requestConfig.elt.closest("form") ?? detail.requestConfig.elt).forEach(forget);
});

export function forget(area) {
  localStorage.removeItem(slot(area));
  area.parentElement.querySelector(":scope > .draft-line")?.remove();
}

document.addEventListener("htmx:load", ({ detail }) => areas(detail.elt).forEach(restore));

settle();
forgetOld();
areas(document).forEach(restore);

function settle() {
  for (const key of JSON.parse(sessionStorage.getItem(SENT) ?? "[]")) {
    const again = areas(document).find((area) => slot(area) === key);
    const refused = again && (again.defaultValue || again.form?.querySelector('[aria-invalid="true"], .error-summary'));
    if (!refused) localStorage.removeItem(key);
  }
  sessionStorage.removeItem(SENT);
}

function restore(area) {
  const kept = read(slot(area));
  if (!kept || area.value.trim() || area.dataset.restored || area.form?.querySelector(".error-summary")) return;
  area.dataset.restored = "yes";
  area.value = kept.text;
  refill(area, kept.fields ?? []);
  const line = document.createElement("p");
  line.className = "draft-line";
  line.textContent = "Draft restored.";
  const discard = document.createElement("button");
  discard.type = "button";
  discard.className = "link";
  discard.textContent = "Discard";
  discard.addEventListener("click", () => {
    localStorage.removeItem(slot(area));
    area.form.reset();
    line.remove();
    area.focus();
  });
  line.append(discard);
  area.after(line);
}

function refill(area, fields) {
  for (const one of around(area)) {
    const values = fields.filter(([name]) => name === one.name).map(([, value]) => value);
    if (!values.length) continue;
    if (ticks(one)) one.checked = values.includes(one.value);
    else if (values[0] !== one.value) one.value = values[0];
    if (isTyped(one)) one.closest("details")?.setAttribute("open", "");
  }
}

function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
}

function ownKeys() {
  return Object.keys(localStorage).filter((key) => key.startsWith("draft:"));
}

function forgetOld() {
  for (const key of ownKeys()) if (Date.now() - (read(key)?.at ?? 0) > WEEK) localStorage.removeItem(key);
}
