// A text box with data-snippets="/snippets/matches?…": / and letters offer snippets, arrows move, Enter or Tab inserts.
// Anything else with data-insert="#id of a text box" puts the words of data-text there.
import { toast } from "./toasts.js";
import { mark, marked, options, step } from "./combobox.js";

const TYPED = /(?:^|\s)\/([\w-]{0,40})$/;
const PAUSE = 90; // ms without a key before the server is asked
let box, list, asked, waiting;

document.addEventListener("input", ({ target }) => {
  if (!target.matches?.("[data-snippets]")) return;
  clearTimeout(waiting);
  const letters = typed(target);
  if (letters === null) return shut();
  if (list) mark(box, list, null);
  waiting = setTimeout(() => offer(target, letters), PAUSE);
});

// Before the keys of the page: Escape shuts the list, and leaves the box only the next time.
document.addEventListener("keydown", (event) => {
  if (!list || event.target !== box || event.isComposing) return;
  const act = { ArrowDown: () => step(box, list, 1), ArrowUp: () => step(box, list, -1), Escape: shut, Enter: choose, Tab: choose }[event.key];
  if (!act || (act === choose && (!marked(list) || event.altKey || event.ctrlKey || event.shiftKey))) return;
  event.preventDefault();
  event.stopPropagation();
  act();
}, true);

document.addEventListener("pointerdown", (event) => {
  const option = event.target.closest?.(".snippets [role='option']");
  if (!option) return list && event.target !== box && shut();
  event.preventDefault(); // the cursor stays where it is
  if (options(list).includes(option)) {
    mark(box, list, option);
    choose();
  }
});
document.addEventListener("focusout", ({ target }) => target === box && shut());

document.addEventListener("click", ({ target }) => {
  if (target.closest("[data-agents-only]")) toast({ kind: "warn", title: "For agents only", text: "Say it in your own words.", stays: 3000 });
  const button = target.closest("[data-insert]");
  const into = button && document.querySelector(button.dataset.insert);
  if (into) insert(into, button.dataset.text, into.selectionStart, into.selectionEnd);
});

export function insert(into, text, from, to) {
  const before = into.value.slice(0, from), after = into.value.slice(to);
  const [left, right] = [before && !/\s$/.test(before) ? " " : "", after && !/^\s/.test(after) ? " " : ""];
  into.focus();
  into.setRangeText(left + text + right, from, to, "end");
  const blank = /\{[a-z_]+\}/.exec(text);
  if (blank) into.setSelectionRange(from + left.length + blank.index, from + left.length + blank.index + blank[0].length);
  const speaker = into.form?.elements.speaker;
  if (speaker?.value === "customer") speaker.value = "agent"; // what is inserted is ours
  into.dispatchEvent(new Event("input", { bubbles: true }));
}

function typed(into) {
  if (into.selectionStart !== into.selectionEnd) return null;
  return TYPED.exec(into.value.slice(0, into.selectionStart))?.[1] ?? null;
}

async function offer(into, letters) {
  const url = new URL(into.dataset.snippets, location.href);
  url.searchParams.set("q", letters);
  const mine = asked = {};
  let answer;
  try {
    answer = await fetch(url, { headers: { "HX-Request": "true" } });
  } catch { return; }
  if (!answer.ok || mine !== asked || document.activeElement !== into) return;
  const html = await answer.text();
  if (mine !== asked || typed(into) !== letters) return;
  show(into, html);
}

function show(into, html) {
  shut();
  box = into;
  list = Object.assign(document.createElement("div"), { className: "listbox snippets", id: "snippet-list", role: "listbox", ariaLabel: "Snippets" });
  list.innerHTML = html; // ours, and escaped by the server
  into.form.append(list);
  into.setAttribute("aria-controls", list.id);
  mark(into, list, options(list)[0]);
}

function shut() {
  asked = null;
  clearTimeout(waiting);
  list?.remove();
  box?.removeAttribute("aria-activedescendant");
  box?.removeAttribute("aria-controls");
  list = box = undefined;
}

function choose() {
  const { text, use } = marked(list).dataset;
  const [into, at, letters] = [box, box.selectionStart, typed(box)];
  shut();
  if (letters === null) return; // the cursor has gone elsewhere
  const from = at - letters.length - 1;
  insert(into, text, from, at);
  fetch(use, { method: "POST", keepalive: true, headers: { "X-CSRFToken": document.querySelector('meta[name="csrf-token"]').content } }).catch(() => {});
}
