// A search box with a list of hits: arrows move, Enter opens, Escape shuts. Focus stays in the box. While the hits are
// those of other words than the ones in the box (aria-busy), none of them can be chosen: Enter then asks the server.
// With data-combobox="first" Enter opens the first one, and waits for it if it has to.
const BUSY = '[aria-busy="true"]';

export function options(list) {
  return [...list.querySelectorAll('[role="option"]:not([aria-disabled="true"], [hidden])')].filter((option) => !option.closest(BUSY));
}

export function mark(input, list, chosen) {
  for (const option of list.querySelectorAll('[role="option"]')) {
    option.id ||= `option-${crypto.getRandomValues(new Uint32Array(1))[0]}`;
    option.tabIndex = -1;
    option.setAttribute("aria-selected", String(option === chosen));
  }
  if (chosen) {
    input.setAttribute("aria-activedescendant", chosen.id);
    chosen.scrollIntoView({ block: "nearest" });
  } else {
    input.removeAttribute("aria-activedescendant");
  }
}

export function marked(list) {
  return list.querySelector('[role="option"][aria-selected="true"]:not([hidden])');
}

export function step(input, list, by) {
  const all = options(list);
  if (!all.length) return;
  const at = all.indexOf(marked(list));
  mark(input, list, all[(at + by + all.length + (at < 0 && by < 0 ? 1 : 0)) % all.length]);
}

function openList(input, list) {
  const shown = list.childElementCount > 0 && input.value.trim() !== "";
  list.hidden = !shown;
  input.setAttribute("aria-expanded", String(shown));
}

function shut(input, list) {
  list.hidden = true;
  input.setAttribute("aria-expanded", "false");
  mark(input, list, null);
}

function parts(element) {
  const box = element?.closest?.("[data-combobox]");
  const input = box?.querySelector('[role="combobox"]');
  return input ? { box, input, list: document.getElementById(input.getAttribute("aria-controls")) } : null;
}

document.addEventListener("keydown", (event) => {
  if (!event.target.matches?.('[data-combobox] [role="combobox"]') || event.isComposing) return;
  const { input, list } = parts(event.target);
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (list.hidden) openList(input, list);
    if (!list.hidden) step(input, list, event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Enter" && !list.hidden && marked(list)) {
    event.preventDefault();
    marked(list).click();
  } else if (event.key === "Enter" && takesFirst(list) && list.matches(BUSY)) {
    event.preventDefault();
    list.dataset.entered = "yes";
  } else if (event.key === "Enter") {
    input.dataset.asked = input.value; // hits that come late do not open over the answer
    shut(input, list);
  } else if (event.key === "Escape") {
    if (!list.hidden) shut(input, list);
    else if (asksInPlace(input.form)) input.blur();
    else if (input.value) { input.value = ""; list.replaceChildren(); }
    else input.blur();
    event.preventDefault();
  }
});

document.addEventListener("htmx:afterSwap", ({ detail }) => {
  const input = document.querySelector(`[data-combobox] [role="combobox"][aria-controls="${detail.target.id}"]`);
  detail.target.removeAttribute("aria-busy");
  if (!input || document.activeElement !== input || input.dataset.asked === input.value) return;
  const first = takesFirst(detail.target) ? options(detail.target)[0] : null;
  mark(input, detail.target, first);
  openList(input, detail.target);
  if (detail.target.dataset.entered) first?.click();
  delete detail.target.dataset.entered;
});

document.addEventListener("input", (event) => {
  const found = event.target.matches?.('[data-combobox] [role="combobox"]') && parts(event.target);
  if (!found) return;
  found.list.setAttribute("aria-busy", "true");
  delete found.list.dataset.entered;
  mark(found.input, found.list, null);
  if (event.target.value.trim() === "") shut(found.input, found.list);
});

// Asked with Enter, the words stay and the keys belong to the answer.
document.addEventListener("submit", (event) => {
  if (asksInPlace(event.target)) event.target.querySelector('input[type="search"]')?.blur();
});

function takesFirst(list) {
  return Boolean(list.closest('[data-combobox="first"]'));
}

function asksInPlace(form) {
  return form?.matches('form[role="search"][hx-get]') ?? false;
}

document.addEventListener("focusin", (event) => {
  for (const box of document.querySelectorAll("[data-combobox]")) {
    const { input, list } = parts(box) ?? {};
    if (!input) continue;
    if (event.target === input) openList(input, list);
    else if (!box.contains(event.target)) shut(input, list);
  }
});

document.addEventListener("pointerdown", (event) => {
  for (const box of document.querySelectorAll("[data-combobox]")) {
    const { input, list } = parts(box) ?? {};
    if (input && !box.contains(event.target)) shut(input, list);
  }
});
