// data-key="w", "g 1" or "Ctrl+Enter" on an element: the key presses it, or puts the cursor into it.
const PAUSE = 900; // ms between the two keys of a sequence
const TYPING = 'input:not([type="checkbox"], [type="radio"], [type="button"], [type="submit"]), textarea, select, [contenteditable="true"]';
const SINGLE = "single-keys";
const dialog = document.getElementById("keys");

let before = "";
let clear;

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || event.repeat) return;
  if (event.key === "Escape") return leave(event);
  const combination = spell(event);
  const held = event.ctrlKey || event.metaKey || event.altKey;
  if (!held && ((event.target.closest?.(TYPING) && !isAsked(event)) || openDialog() || !singlesAreOn())) return;
  if (!held && combination === "?") return press(event, showKeys);
  const sequence = before ? `${before} ${combination}` : combination;
  const target = find(sequence, event) ?? find(combination, event);
  clearTimeout(clear);
  if (target) {
    before = "";
    return press(event, () => act(target));
  }
  before = !held && startsSequence(combination) ? combination : "";
  clear = setTimeout(() => { before = ""; }, PAUSE);
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-shortcuts]")) showKeys();
});

dialog?.querySelector("[data-single-keys]").addEventListener("change", (event) => {
  localStorage.setItem(SINGLE, event.target.checked ? "on" : "off");
});

export function keyed() {
  const seen = new Set();
  const pressed = [...document.querySelectorAll("[data-key]")].filter((element) => isUsable(element) && find(element.dataset.key) === element);
  const all = pressed.map((element) => ({ element, key: element.dataset.key, label: labelOf(element) }));
  return all.filter(({ label }) => label && !seen.has(label) && seen.add(label));
}

export function labelOf(element) {
  const named = element.dataset.keyLabel ?? element.dataset.command ?? element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent;
  if (named) return named.trim();
  const copy = element.cloneNode(true);
  copy.querySelectorAll("kbd, svg, .tiny, .badge").forEach((part) => part.remove());
  return (copy.textContent || element.title || element.placeholder || "").replace(/\s+/g, " ").trim();
}

export function act(element) {
  if (element.matches(TYPING)) {
    element.focus();
    element.select?.();
  } else {
    if (element.matches("summary")) element.focus();
    element.click();
  }
}

export function caps(key) {
  return key.split(" ").map((one) => one.replace("Enter", "↵").replaceAll("+", " "));
}

function spell(event) {
  const held = [(event.ctrlKey || event.metaKey) && "Ctrl", event.altKey && "Alt"].filter(Boolean);
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return [...held, key].join("+");
}

// What is in the page stands before what is in the bar; a key stays within the form or the alert that has the focus.
function find(key, event = {}) {
  const found = [...document.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)].filter(isUsable);
  const form = event.target?.closest?.("form, [role='alert']");
  return found.find((element) => form && form.contains(element)) ?? found.find((element) => element.closest("main")) ?? found[0];
}

// Escape leaves a field with its words as they are, so that single letters are keys again; dialogs and menus shut themselves.
function leave(event) {
  if (!event.target.matches?.(TYPING) || event.target.closest("dialog, [popover]")) return;
  event.preventDefault();
  event.target.blur();
}

function startsSequence(key) {
  return document.querySelector(`[data-key^="${CSS.escape(key)} "]`) !== null;
}

function isUsable(element) {
  return !element.disabled && element.getAttribute("aria-disabled") !== "true" && element.checkVisibility() && (!openDialog() || openDialog().contains(element));
}

// In a search box that is still empty, / and ? are keys as everywhere else: nobody is called that.
function isAsked({ key, target }) {
  return "/?".includes(key) && target.matches('input[type="search"]') && !target.value;
}

function openDialog() {
  return document.querySelector("dialog[open]");
}

function singlesAreOn() {
  return localStorage.getItem(SINGLE) !== "off";
}

function press(event, act) {
  event.preventDefault();
  act();
}

function showKeys() {
  if (!dialog || dialog.open) return;
  const list = dialog.querySelector(".keys");
  const lines = [{ key: "Ctrl+K", label: "Commands" }, ...keyed(), { key: "Esc", label: "Leave a field" }, { key: "?", label: "This list" }];
  list.replaceChildren(...lines.flatMap(({ key, label }) => {
    const [term, keys] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = label;
    keys.append(...caps(key).map((cap) => Object.assign(document.createElement("kbd"), { textContent: cap, className: "keep" })));
    return [term, keys];
  }));
  dialog.querySelector("[data-single-keys]").checked = singlesAreOn();
  document.getElementById("me")?.hidePopover?.();
  dialog.showModal();
}
