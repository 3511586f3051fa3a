// The capture page without a connection: what is saved then is kept on the device and shown until it is sent.
import { holdsCardNumber } from "./card_numbers.js";
import { forget } from "./drafts.js";
import { icon, toast } from "./toasts.js";
import { customers, drop, isSending, isWaiting, keep, learn, mayBeSent, send, waiting } from "./waiting.js";
import { dropFiles, dropOtherFiles, filesOf, keepFiles } from "./waiting_files.js";

const page = document.querySelector("[data-capture]");
const alone = page.dataset.capture === "offline";
const list = () => document.getElementById("waiting"); // htmx may have put another one in its place
const isForm = (element) => element?.matches?.("form[data-keeps]");

// Before htmx and everybody else: without a connection nothing is asked of the server.
document.addEventListener("submit", (event) => {
  if (!isForm(event.target) || (!alone && navigator.onLine)) return;
  event.preventDefault();
  event.stopPropagation();
  keepForm(event.target);
}, true);

// A file may take minutes; words that take longer than this wait here instead.
document.addEventListener("htmx:configRequest", ({ detail, target }) => {
  if (isForm(target)) detail.timeout = files(target).length ? 300_000 : 10_000;
});

for (const name of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, (event) => {
    if (!isForm(event.target)) return;
    event.stopPropagation();
    keepForm(event.target);
  }, true);
}

// One that waited was put right in the form and is saved.
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const form = detail.requestConfig.elt;
  if (isForm(form) && detail.xhr.status < 400) drop(form.elements.client_key.value);
});

const CARD = { kind: "bad", title: "This looks like a card number", text: "It is never stored: take it out, the last four digits are enough." };

async function keepForm(form) {
  const fields = Object.fromEntries([...new FormData(form)].filter(([name, value]) => name !== "csrf_token" && typeof value === "string"));
  const added = [...files(form)];
  if (!fields.body.trim()) return form.elements.body.focus();
  if (holdsCardNumber([fields.body, fields.promise_text, fields.about].join("\n"))) return toast(CARD);
  fields.client_key ||= form.elements.client_key.value = uuid(); // pressed twice, kept once
  fields.written_at ||= new Date().toISOString();
  const fault = await faultIn(added, form.elements.files?.dataset);
  if (fault) return toast(fault);
  const chosen = customers().find((one) => String(one.id) === fields.customer_id);
  try {
    if (added.length) await keepFiles(fields.client_key, added);
    keep({ fields, files: added.length, name: chosen?.name ?? form.dataset.about ?? fields.about ?? "" });
  } catch {
    if (added.length) dropFiles(fields.client_key).catch(() => {});
    return toast({ kind: "bad", title: "This device has no room left", text: "The note is still in the box. Send or delete what waits, then save again." });
  }
  toast({ title: "Kept on this device", text: "It is sent when there is a connection." });
  forget(form.elements.body);
  form.reset();
  form.elements.client_key.value = uuid();
  choose(form, null);
  (form.elements.about ?? form.elements.body).focus();
  if (navigator.onLine) attempt();
}

const files = (form) => form.elements.files?.files ?? [];

// What the server would refuse, told before it waits for nothing.
async function faultIn(added, { largest, most } = {}) {
  if (added.length > most) return { kind: "warn", title: `A note holds ${most} files`, text: "Take some out, then save again." };
  for (const file of added) {
    if (file.size > largest) return { kind: "warn", title: `${file.name} is too large`, text: `${largest / 1e6} MB fit. Take it out or make it smaller, then save again.` };
    if (holdsCardNumber(file.name) || (file.type.startsWith("text/") && holdsCardNumber(await file.text()))) return { ...CARD, text: `${file.name} is never stored with it: take the number out, the last four digits are enough.` };
  }
}

// The files of a note that waited, once it is open in the server's form.
async function putBack() {
  const form = document.querySelector("form[data-keeps]"), field = form?.elements.files;
  const note = field && !field.files.length && latest(form.elements.client_key.value);
  if (!note?.files) return;
  const all = new DataTransfer();
  for (const file of await filesOf(note.fields.client_key)) all.items.add(file);
  field.files = all.files;
  field.closest("details").open = true;
  form.querySelector("[data-choose-again]")?.remove();
}

async function attempt() {
  tell(await send());
}

const SAID = {
  "offline": "There is no connection. They are sent by themselves when it is back.",
  "signed out": "You are signed out. Sign in, then they are sent.",
  "somebody else": "Somebody else is signed in on this device. They are sent when you sign in again.",
  "forbidden": "You may no longer write notes. An administrator can give you the role.",
};

function tell(why) {
  const section = list();
  section.querySelector("[data-why]").textContent = SAID[why] ?? "";
  section.querySelector("[data-sign-in]").hidden = why !== "signed out";
}

document.addEventListener("waiting", draw);
document.addEventListener("htmx:load", () => { draw(); putBack(); });
document.addEventListener("click", ({ target }) => target.closest("[data-send]") && attempt());
document.addEventListener("online", () => tell(""));

function draw() {
  const section = list(), notes = waiting();
  if (!section) return;
  section.hidden = !notes.length;
  section.querySelector("[data-send]").hidden = !notes.some(mayBeSent);
  const rows = section.querySelector("ul");
  const keys = new Set(notes.map((note) => note.fields.client_key));
  for (const item of [...rows.children]) if (!keys.has(item.dataset.key)) item.remove();
  for (const note of notes) {
    const before = [...rows.children].find((item) => item.dataset.key === note.fields.client_key);
    const at = before?.contains(document.activeElement) ? document.activeElement : null;
    if (at?.matches("textarea")) continue; // never under somebody's fingers
    const item = drawn(note);
    item.firstElementChild.open = Boolean(before?.firstElementChild.open);
    before ? before.replaceWith(item) : rows.append(item);
    if (at) (item.querySelector(`[data-part="${at.dataset.part}"]`) ?? item.querySelector("summary")).focus();
  }
}

function drawn(note) {
  const item = document.getElementById("waiting-note").content.firstElementChild.cloneNode(true);
  const { client_key: key, customer_id: whom, about, body, written_at: at } = note.fields;
  const part = (name) => item.querySelector(`[data-part="${name}"]`);
  item.dataset.key = key;
  part("name").textContent = note.name || "About nobody yet";
  part("state").textContent = note.problems?.length ? "Not taken" : note.held ? "Changed, not sent" : whom ? "Waiting to be sent" : "Say whom it is about, then it is sent";
  part("at").textContent = new Date(at).toLocaleString(document.documentElement.lang, { weekday: "short", hour: "2-digit", minute: "2-digit" }) + (note.files ? ` · ${note.files === 1 ? "1 file" : `${note.files} files`}` : "");
  const box = part("body");
  box.value = body;
  box.setAttribute("aria-label", `Note about ${note.name || "nobody yet"}`);
  for (const text of note.problems ?? []) {
    const line = document.createElement("p");
    line.className = "field__error";
    line.append(icon("circle-alert"), text);
    part("problems").append(line);
  }
  box.addEventListener("input", () => change(note, box.value, item));
  part("send").hidden = !whom;
  part("send").addEventListener("click", () => { keep({ ...latest(key), problems: [], held: false }); attempt(); });
  part("choose").hidden = alone || (Boolean(whom) && !note.problems?.length);
  part("choose").textContent = whom ? "Open in the form" : "Say about whom";
  part("choose").addEventListener("click", () => openInForm(latest(key)));
  part("delete").addEventListener("click", () => confirm("Delete this note? It was not sent.") && drop(key));
  return item;
}

const latest = (key) => waiting().find((note) => note.fields.client_key === key);

function change({ fields: { client_key: key } }, body, item) {
  const note = latest(key);
  if (!note) return;
  const isCard = holdsCardNumber(body); // what was there before is kept until it is taken out
  if (!isCard) keep({ ...note, fields: { ...note.fields, body }, held: true });
  item.querySelector('[data-part="state"]').textContent = isCard ? "This looks like a card number: take it out" : "Changed, not sent";
}

// The server's own form, as it was filled in: it asks whom the note is about, or says what is wrong.
function openInForm({ fields }) {
  const form = Object.assign(document.createElement("form"), { method: "post", action: page.dataset.action, hidden: true });
  const token = document.querySelector('meta[name="csrf-token"]').content;
  for (const [name, value] of Object.entries({ ...fields, csrf_token: token })) {
    const input = Object.assign(document.createElement("textarea"), { name });
    input.value = value;
    form.append(input);
  }
  document.body.append(form);
  form.submit();
}

// Without a connection: the customers whom the device knows, by the first letters of each word.
const box = alone ? document.getElementById("about") : null;
const known = document.getElementById("about-known");

box?.addEventListener("input", () => { choose(box.form, null); offer(); });
box?.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing) return;
  event.preventDefault();
  const first = box.value.trim() && known.querySelector("button");
  first ? first.click() : box.form.elements.body.focus();
});

const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
const wordsOf = (text) => fold(text).split(/[^\p{L}\p{N}]+/u).filter(Boolean);

function offer() {
  const asked = wordsOf(box.value);
  const those = customers().filter(({ name }) => asked.every((letters) => wordsOf(name).some((word) => word.startsWith(letters)))).slice(0, 6);
  known.replaceChildren(...those.map((customer) => {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "chip", textContent: customer.name, dir: "auto" });
    button.addEventListener("click", () => { choose(box.form, customer); box.form.elements.body.focus(); });
    return button;
  }));
}

function choose(form, customer) {
  if (!alone) return;
  form.elements.customer_id.value = customer?.id ?? "";
  if (customer) box.value = customer.name;
  known.replaceChildren();
  if (!box.value) offer();
}

function uuid() {
  return crypto.randomUUID?.() ?? "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (digit) => (digit ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (digit / 4)))).toString(16));
}

// Back on the line, an empty page becomes the real one: once the server answers, which may be later than the device says.
async function back() {
  if (!navigator.onLine || box.value || box.form.elements.body.value || list().contains(document.activeElement)) return;
  const answer = await fetch(page.dataset.waitingUrl, { method: "HEAD", cache: "no-store" }).catch(() => null);
  if (answer && answer.status < 500 && !isSending()) location.reload(); // it would be sent twice, and what is told of it lost
}

draw();
if (alone) {
  const theme = /(?:^|; )theme=(light|dark)/.exec(document.cookie)?.[1];
  if (theme) document.documentElement.dataset.theme = theme;
  offer();
  const asked = customers().find((one) => String(one.id) === new URLSearchParams(location.search).get("customer_id"));
  if (asked) choose(box.form, asked);
  addEventListener("online", back);
  setInterval(back, 5000);
} else {
  putBack();
  dropOtherFiles(isWaiting).catch(() => {});
  learn().catch(() => {});
  navigator.serviceWorker?.register(page.dataset.worker, { scope: page.dataset.scope, updateViaCache: "none" }).catch(() => {});
}
