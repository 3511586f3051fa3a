// Keeps the page that /notes/new shows without a connection, and what it is drawn with. No page with a name in it, and
// no other address: its scope is /notes/new. Another version of the software has another text here.
const KEPT = {{ kept }};
const STORE = `capture-${KEPT.version}`;
const FILES = new Set(KEPT.files);

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(fill());
});

self.addEventListener("activate", (event) => event.waitUntil(tidy()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (request.mode === "navigate") event.respondWith(fetch(request).catch(() => kept(KEPT.page)));
  else if (FILES.has(pathname)) event.respondWith(kept(pathname).then((answer) => answer ?? fetch(request)));
});

async function fill() {
  const store = await caches.open(STORE);
  const wanted = (url) => new Request(url, { credentials: "omit", redirect: "error" });
  await store.addAll([new Request(wanted(KEPT.page), { cache: "no-store" }), ...KEPT.files.map(wanted)]);
}

async function tidy() {
  for (const name of await caches.keys()) if (name.startsWith("capture-") && name !== STORE) await caches.delete(name);
  await self.clients.claim();
}

async function kept(url) {
  return (await caches.open(STORE)).match(url);
}
