// A text box with data-snippets="/snippets/matches?…": / and letters offer snippets, or a note's templates, arrows move, Enter or Tab inserts.
// With data-mentions="/notes/colleagues": @ and letters offer colleagues, in the same way.
// Anything else with data-insert="#id of a text box" puts the words of data-text there.
import { toast } from "./toasts.js";
import { mark, marked, options, step } from "./combobox.js";

const SOURCES = [
  { source: "snippets", typed: /(?:^|\s)\/([\w-]{0,40})$/, label: "Snippets" },
  { source: "mentions", typed: /(?:^|[\s(])@((?:[\p{L}\p{M}'’.-]+ ?){0,3})$/u, label: "Colleagues" },
];
const PAUSE = 90; // ms without a key before the server is asked
let box, list, asked, waiting;

document.addEventListener("input", ({ target }) => {
  if (!target.matches?.("[data-snippets], [data-mentions]")) return;
  clearTimeout(waiting);
  const now = typed(target);
  if (!now) return shut();
  if (list) mark(box, list, null);
  waiting = setTimeout(() => offer(target, now), PAUSE);
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
  if (into) insert(into, button.dataset, button.dataset.kind ? into.selectionEnd : into.selectionStart, into.selectionEnd);
});

// The cursor goes to the first {placeholder} that is left, or behind the first line that ends in a colon.
export function insert(into, { text, kind }, from, to) {
  const before = into.value.slice(0, from), after = into.value.slice(to);
  const [gap, ends, begins] = text.includes("\n") ? ["\n", /\n$/, /^\n/] : [" ", /\s$/, /^\s/];
  const [left, right] = [before && !ends.test(before) ? gap : "", after && !begins.test(after) ? gap : ""];
  into.focus();
  into.setRangeText(left + text + right, from, to, "end");
  const blank = /\{[a-z_]+\}/.exec(text) ?? /(?<=: ?)$/m.exec(text);
  if (blank) into.setSelectionRange(from + left.length + blank.index, from + left.length + blank.index + blank[0].length);
  if (kind && into.form.elements.kind) into.form.elements.kind.value = kind; // of a note's template
  const speaker = into.form?.elements.speaker;
  if (speaker?.value === "customer") speaker.value = "agent"; // what is inserted is ours
  into.dispatchEvent(new Event("input", { bubbles: true }));
}

function typed(into) {
  if (into.selectionStart !== into.selectionEnd) return null;
  const before = into.value.slice(0, into.selectionStart);
  for (const one of SOURCES.filter(({ source }) => source in into.dataset)) {
    const letters = one.typed.exec(before)?.[1];
    if (letters !== undefined) return { ...one, letters };
  }
  return null;
}

async function offer(into, now) {
  const url = new URL(into.dataset[now.source], location.href);
  url.searchParams.set("q", now.letters);
  const mine = asked = {};
  let answer;
  try {
    answer = await fetch(url, { headers: { "HX-Request": "true" } });
  } catch { return; }
  if (!answer.ok || mine !== asked || document.activeElement !== into) return;
  const html = await answer.text();
  if (mine !== asked || typed(into)?.letters !== now.letters) return;
  show(into, html, now.label);
}

function show(into, html, label) {
  shut();
  if (!html.trim()) return;
  box = into;
  list = Object.assign(document.createElement("div"), { className: "listbox snippets", id: "snippet-list", role: "listbox", ariaLabel: label });
  list.innerHTML = html; // ours, and escaped by the server
  const field = into.closest(".field");
  if (!field && into.dataset.mentions) into.after(list);
  else (field ?? into.form).append(list);
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
  const chosen = marked(list).dataset;
  const [into, at, now] = [box, box.selectionStart, typed(box)];
  shut();
  if (!now) return; // the cursor has gone elsewhere
  const from = at - now.letters.length - 1;
  // After a name the sentence goes on.
  const text = now.source === "mentions" && at === into.value.length ? `${chosen.text} ` : chosen.text;
  insert(into, { ...chosen, text }, from, at);
  shut(); // what was chosen is not offered again
  if (chosen.use) fetch(chosen.use, { method: "POST", keepalive: true, headers: { "X-CSRFToken": document.querySelector('meta[name="csrf-token"]').content } }).catch(() => {});
}
