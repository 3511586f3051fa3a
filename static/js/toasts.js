// Short messages: from the HX-Trigger header, from scripts, and from answers that went wrong.
import { settleOn } from "./focus.js";

const region = document.getElementById("toasts");
const ICONS = { good: "circle-check", warn: "triangle-alert", bad: "triangle-alert", give: "gift", info: "info" };
const STAYS = 6000; // ms; what went wrong stays until it is dismissed

export function toast({ kind = "info", title = "", text = "", stays = kind === "bad" ? 0 : STAYS }) {
  const box = document.createElement("div");
  box.className = `toast ${kind}`;
  box.append(icon(ICONS[kind] ?? "info"), words(title, text), closer(box));
  region.append(box);
  while (region.children.length > 4) region.firstElementChild.remove();
  raise();
  if (stays) leaveAfter(box, stays);
}

document.addEventListener("toast", ({ detail }) => {
  toast(typeof detail.value === "string" ? { title: detail.value } : detail);
});

document.addEventListener("htmx:responseError", ({ detail }) => {
  const fault = read(detail.xhr);
  const panel = detail.target?.querySelector(":scope > .skeleton") ? detail.target : null;
  if (panel) return putInPlace(panel, fault, detail);
  toast({ kind: "bad", title: fault.title, text: fault.text });
});

for (const name of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, ({ detail }) => {
    const fault = { title: "No answer from the server", text: "Nothing was changed. Check the connection, then try again." };
    const panel = detail.target?.querySelector(":scope > .skeleton") ? detail.target : null;
    if (panel) putInPlace(panel, fault, detail);
    else toast({ kind: "bad", ...fault });
  });
}

document.addEventListener("click", (event) => {
  const gone = event.target.closest?.("[data-dismiss]")?.closest(".alert");
  if (gone) drop(gone);
});

function read(xhr) {
  const answer = new DOMParser().parseFromString(xhr.responseText ?? "", "text/html").querySelector("[data-error]");
  const reference = answer?.dataset.reference ?? xhr.getResponseHeader("X-Reference");
  const title = answer?.querySelector("b")?.textContent ?? usual(xhr.status);
  const said = answer?.querySelector("p")?.textContent ?? "";
  return { title, text: [said, reference && `Reference ${reference}.`].filter(Boolean).join(" ") };
}

function usual(status) {
  if (status === 403) return "You may not do that";
  if (status === 404) return "That is not here any more";
  if (status === 429) return "Too fast: wait a moment, then try again";
  return status >= 500 ? "Something broke on our side" : "That did not work";
}

// A panel that could not be loaded says so where it would have stood, and can be asked for again.
function putInPlace(panel, fault, { requestConfig }) {
  const box = document.createElement("div");
  box.className = "alert bad";
  box.setAttribute("role", "alert");
  const again = document.createElement("button");
  again.type = "button";
  again.className = "btn small";
  again.textContent = "Try again";
  again.addEventListener("click", () => htmx.ajax("GET", requestConfig.path, { source: panel, target: panel, swap: panel.getAttribute("hx-swap") ?? "innerHTML" }));
  box.append(icon("triangle-alert"), words(fault.title, fault.text), again);
  panel.replaceChildren(box);
}

function words(title, text) {
  const box = document.createElement("div");
  for (const [name, content] of [["b", title], ["p", text]]) {
    if (!content) continue;
    const line = document.createElement(name);
    line.textContent = content;
    box.append(line);
  }
  return box;
}

function closer(box) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn ghost small icon-only close";
  button.setAttribute("aria-label", "Dismiss");
  button.append(icon("x"));
  button.addEventListener("click", () => drop(box));
  return button;
}

// The keyboard goes on in the page.
function drop(box) {
  const held = box.contains(document.activeElement);
  box.remove();
  if (held) settleOn(document.getElementById("main"));
}

export function icon(name) {
  const SVG = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${region.dataset.icons}#${name}`);
  svg.append(use);
  return svg;
}

// Shown again as the newest popover, it stands above an open dialog.
function raise() {
  if (!region.showPopover) return;
  if (region.matches(":popover-open")) region.hidePopover();
  region.showPopover();
}

// The clock waits while somebody is reading.
function leaveAfter(box, ms) {
  let timer = setTimeout(() => box.remove(), ms);
  const wait = () => clearTimeout(timer);
  const go = () => { timer = setTimeout(() => box.remove(), ms / 2); };
  box.addEventListener("pointerenter", wait);
  box.addEventListener("pointerleave", go);
  box.addEventListener("focusin", wait);
  box.addEventListener("focusout", go);
}
