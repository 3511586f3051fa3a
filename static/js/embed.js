// The help pane in a frame of another page. docs/embed.md says what the two tell each other; both check whom they talk to.
// The token is kept in this script alone: it is taken out of the address, so that neither history nor a reload holds it.
const POLL = 4_000; // ms between two looks at what was said
const PAUSE = 250;
const ADDRESS = 5_000; // bytes of words: they travel in the address, and gunicorn.conf.py takes no more than 8,190 of one
const CONTEXT = ["interaction", "customer", "external_id", "source"];
const [answers, trouble, ask] = ["answers", "trouble", "ask"].map((id) => document.getElementById(id));
const context = new URLSearchParams();
let token, origin, text = "", last = null, interaction = null, isOther = true, waiting, running = 0;

for (const [name, value] of new URLSearchParams(location.search)) if (CONTEXT.includes(name)) context.set(name, value);
begin();
// The same address with a new token behind its # loads nothing anew.
window.addEventListener("hashchange", begin);

function begin() {
  token = new URLSearchParams(location.hash.slice(1)).get("token");
  history.replaceState(null, "", location.pathname + location.search);
  origin = last = null;
  if (token) load();
  else say("This frame was opened without a token. The desk that holds it asks for one.");
}

window.addEventListener("message", ({ source, origin: from, data }) => {
  if (source !== window.parent || from !== origin || data?.type !== "plusone:context") return;
  const named = CONTEXT.filter((name) => ["string", "number"].includes(typeof data[name]));
  if (named.length) {
    for (const name of CONTEXT) context.delete(name);
    for (const name of named) context.set(name, String(data[name]).slice(0, 120));
  }
  text = typeof data.text === "string" ? data.text.slice(0, 4000) : "";
  last = null;
  isOther = true;
  load();
});

ask.addEventListener("submit", (event) => event.preventDefault());
ask.addEventListener("input", () => {
  text = ask.elements.text.value;
  last = null;
  later(PAUSE);
});

answers.addEventListener("click", async ({ target }) => {
  const button = target.closest("button[data-article]");
  if (!button) return;
  if (button.dataset.text !== undefined) tell({ type: "plusone:insert", text: button.dataset.text });
  if (!interaction) return;
  const body = new URLSearchParams({ article: button.dataset.article, interaction });
  const answer = await fetch(document.body.dataset.uses, { method: "POST", body, headers: { Authorization: `Bearer ${token}` } }).catch(() => null);
  if (!answer?.ok) return button.dataset.text === undefined && say("That could not be written down: it is another agent's talk, or the connection is gone.");
  const use = answers.querySelector(`[aria-pressed][data-article="${CSS.escape(button.dataset.article)}"]`);
  use?.setAttribute("aria-pressed", "true");
  if (use) use.lastChild.textContent = "Used";
});

document.addEventListener("visibilitychange", () => !document.hidden && origin && load());
new ResizeObserver(tellHeight).observe(document.getElementById("main"));

async function load() {
  clearTimeout(waiting);
  const run = ++running;
  const url = new URL(document.body.dataset.help, location.href);
  url.search = context;
  if (text.trim()) url.searchParams.set("text", fitting(text));
  if (last !== null) url.searchParams.set("after", last);
  let answer;
  try {
    answer = await fetch(url, { headers: { Authorization: `Bearer ${token}` } });
  } catch { /* asked again below */ }
  if (run !== running) return; // asked anew meanwhile
  if (answer?.status === 401) return over();
  if (answer?.status === 200) take(await answer.json());
  else if (answer?.status !== 204) say("No help just now. It is asked for again in a moment.");
  later(POLL);
}

function take(found) {
  trouble.hidden = true;
  const isFirst = !origin;
  ({ origin, last, interaction } = found);
  const isUsed = answers.contains(document.activeElement) || answers.matches(":hover");
  if (isOther || !isUsed || !answers.querySelector("article")) answers.innerHTML = found.html;
  else last = null; // what is being used stays; looked at again the next time
  isOther = false;
  if (!isFirst) return;
  tell({ type: "plusone:ready" });
  tellHeight();
}

function over() {
  answers.replaceChildren();
  say("This frame's time is over. Reload the page that holds it.");
  tell({ type: "plusone:expired" }, "*"); // it gives nothing away, and a token that was over at once named no origin
}

function fitting(words) {
  const letters = [...words];
  const bytes = () => String(new URLSearchParams({ text: letters.join("") })).length;
  while (bytes() > ADDRESS) letters.length = Math.floor(letters.length * ADDRESS / bytes());
  return letters.join("");
}

function later(ms) {
  clearTimeout(waiting);
  waiting = setTimeout(() => (document.hidden ? later(POLL) : load()), ms);
}

function tellHeight() {
  const { bottom } = document.getElementById("main").getBoundingClientRect();
  tell({ type: "plusone:height", height: Math.ceil(bottom + scrollY) + 12 });
}

// Only to the origin that the token was made for, as the server says.
function tell(message, to = origin) {
  if (to && window.parent !== window) window.parent.postMessage(message, to);
}

function say(words) {
  trouble.textContent = words;
  trouble.hidden = false;
}
