// Ctrl K: what can be done on this page, and what the server finds, in one list.
import { mark, marked, step, options } from "./combobox.js";
import { act, caps, keyed, labelOf } from "./shortcuts.js";

const dialog = document.getElementById("palette");

if (dialog) {
  const input = dialog.querySelector("input");
  const list = dialog.querySelector('[role="listbox"]');
  const commands = document.getElementById("palette-commands");
  const hits = document.getElementById("palette-hits");

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      open();
    }
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-palette]")) open();
  });

  input.addEventListener("input", () => {
    hits.setAttribute("aria-busy", "true");
    filter(input.value);
    if (!input.value.trim()) hits.replaceChildren();
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      step(input, list, event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter") {
      event.preventDefault();
      marked(list)?.click();
    } else if (event.key === "Escape") {
      event.preventDefault();
      dialog.close();
    }
  });
  hits.addEventListener("htmx:afterSwap", () => {
    hits.removeAttribute("aria-busy");
    if (!input.value.trim()) hits.replaceChildren();
    mark(input, list, marked(list) ?? options(list)[0]);
  });

  function open() {
    if (dialog.open) return;
    document.querySelector("dialog[open]")?.close();
    input.value = "";
    hits.replaceChildren();
    commands.replaceChildren(...available().map(draw));
    dialog.showModal();
    input.focus();
    filter("");
  }

  function available() {
    const named = [...document.querySelectorAll("[data-command]")].filter((element) => element.checkVisibility() || element.hidden || element.closest(".menu[popover]"));
    const all = [...keyed(), ...named.map((element) => ({ element, key: element.dataset.key ?? "", label: labelOf(element) }))];
    const seen = new Set();
    return all.filter(({ label }) => label && !seen.has(label) && seen.add(label));
  }

  function draw({ element, key, label }) {
    const option = document.getElementById("palette-command").content.firstElementChild.cloneNode(true);
    option.querySelector("div").textContent = label;
    const own = element.querySelector("svg.icon");
    if (own) option.querySelector("svg").replaceWith(plain(own));
    option.append(...(key ? caps(key) : []).map((cap) => Object.assign(document.createElement("kbd"), { textContent: cap })));
    option.addEventListener("click", () => {
      dialog.close();
      act(element);
    });
    return option;
  }

  function plain(svg) {
    const copy = svg.cloneNode(true);
    copy.setAttribute("class", "icon");
    return copy;
  }

  // Every word typed must begin a word of the command.
  function filter(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    for (const option of commands.children) {
      const label = ` ${option.querySelector("div").textContent.toLowerCase()}`;
      option.hidden = !words.every((word) => label.includes(` ${word}`));
    }
    mark(input, list, options(list)[0]);
  }
}
