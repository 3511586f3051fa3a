// Notes that wait on this device for a connection: kept by the capture page, sent from any page, once each.
// The server knows a note by its client_key, so that one whose answer was lost can be sent again.
import { toast } from "./toasts.js";
import { dropFiles, filesOf } from "./waiting_files.js";

const USER = "capture:user"; // whose device this is while the page has no connection to ask
const KNOWN = "capture:customers"; // [{ id, name }] of the customers written about lately

export const owner = document.body.dataset.user ?? localStorage.getItem(USER) ?? "";
const PREFIX = `waiting:${owner}:`;
let sending = false;

export const isSending = () => sending;
export const waiting = () => owner ? Object.keys(localStorage).filter((key) => key.startsWith(PREFIX)).map(read).filter(Boolean).sort((a, b) => a.fields.written_at < b.fields.written_at ? -1 : 1) : [];
export const isWaiting = (key) => Object.keys(localStorage).some((one) => one.startsWith("waiting:") && one.endsWith(`:${key}`));
export const customers = () => read(KNOWN) ?? [];

// note: { fields: what the form holds, files: how many are kept beside it, name: of the customer, problems: [sentence],
// held: changed and not yet to be sent }
export function keep(note) {
  localStorage.setItem(PREFIX + note.fields.client_key, JSON.stringify(note));
  announce();
}

export async function drop(key) {
  const hadFiles = read(PREFIX + key)?.files;
  localStorage.removeItem(PREFIX + key);
  announce();
  if (hadFiles) await dropFiles(key).catch(() => {});
}

// Why nothing could be sent: "offline", "signed out", "somebody else"; or nothing when all is done that can be.
export async function send() {
  if (sending || !waiting().some(mayBeSent)) return "";
  sending = true;
  try {
    return await inTurn(sendAll);
  } catch {
    return "offline";
  } finally {
    sending = false;
    announce();
  }
}

export async function learn() {
  const device = await ask();
  if (device.user) localStorage.setItem(USER, device.user);
  if (device.customers) localStorage.setItem(KNOWN, JSON.stringify(device.customers));
}

export const mayBeSent = (note) => Boolean(note.fields.customer_id) && !note.problems?.length && !note.held;

async function sendAll() {
  const device = await ask();
  if (device.refused) return device.refused;
  if (String(device.user) !== owner) return "somebody else";
  const sent = [];
  for (const note of waiting().filter(mayBeSent)) {
    const answer = await fetch(url(), { method: "POST", headers: { "X-CSRFToken": device.token, "HX-Request": "true" }, body: await bodyOf(note) });
    if (answer.status === 201) {
      await drop(note.fields.client_key);
      sent.push(note.name);
    } else if (answer.status === 401) return "signed out";
    else if (answer.status === 429 || answer.status >= 500) return "offline";
    else keep({ ...note, problems: await problems(answer) });
  }
  if (sent.length) toast({ kind: "good", title: sent.length === 1 ? `Sent: the note about ${sent[0]}` : `${sent.length} notes that waited are sent` });
  return "";
}

async function bodyOf({ fields, files, name }) {
  if (!files) return new URLSearchParams(fields);
  const body = new FormData(), kept = await filesOf(fields.client_key);
  for (const [field, value] of Object.entries(fields)) body.append(field, value);
  for (const file of kept) body.append("files", file);
  if (kept.length < files) toast({ kind: "bad", title: `The note about ${name} goes without its files`, text: "This device has lost them. Add them to the note again." });
  return body;
}

async function ask() {
  const answer = await fetch(url(), { headers: { "HX-Request": "true" }, cache: "no-store" });
  if (answer.status === 401) return { refused: "signed out" };
  if (answer.status === 403) return { refused: "forbidden" };
  if (!answer.ok) return { refused: "offline" };
  return answer.json();
}

async function problems(answer) {
  if (answer.headers.get("Content-Type")?.includes("json")) return (await answer.json()).problems;
  const said = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-error] p")?.textContent;
  return [said ?? "The server did not take it. Change the note, or delete it."];
}

// One page at a time, where the browser has a way to say so.
function inTurn(work) {
  return navigator.locks ? navigator.locks.request("waiting", work) : work();
}

function url() {
  return document.querySelector("[data-waiting-url]").dataset.waitingUrl;
}

function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
}

function announce() {
  document.dispatchEvent(new Event("waiting"));
}

// Signing out leaves nothing on the device: not the notes, not the names, not the page itself.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-forget-drafts]")) return;
  event.preventDefault();
  const count = waiting().length;
  if (count && !confirm(`${count === 1 ? "One note is" : `${count} notes are`} not sent yet and would be deleted from this device. Sign out anyway?`)) return;
  await Promise.all(waiting().map((note) => drop(note.fields.client_key)));
  for (const key of [USER, KNOWN]) localStorage.removeItem(key);
  await forgetPage().catch(() => {});
  form.submit();
});

async function forgetPage() {
  for (const kept of await navigator.serviceWorker?.getRegistrations() ?? []) await kept.unregister();
  for (const name of await globalThis.caches?.keys() ?? []) await caches.delete(name);
}

// Somebody else on this device finds none of the names that were kept before.
const before = localStorage.getItem(USER);
if (document.body.dataset.user && before && before !== owner) for (const key of [USER, KNOWN]) localStorage.removeItem(key);

if (document.querySelector("[data-waiting-url]")) {
  send();
  addEventListener("online", send);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && send());
}
