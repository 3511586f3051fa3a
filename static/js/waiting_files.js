// The files of notes that wait on this device, by the note's client_key; see waiting.js. IndexedDB, as they are large.
const NAME = "waiting", STORE = "files";

export const keepFiles = (key, files) => within("readwrite", (store) => store.put(files, key));
export const filesOf = async (key) => (await within("readonly", (store) => store.get(key))) ?? [];
export const dropFiles = (key) => within("readwrite", (store) => store.delete(key));

// Those whose note is no longer there: the page was left while they were taken away.
export const dropOtherFiles = (isKept) => within("readwrite", (store) => {
  store.getAllKeys().onsuccess = ({ target }) => target.result.forEach((key) => isKept(key) || store.delete(key));
});

async function within(mode, act) {
  const base = await opened();
  try {
    const work = base.transaction(STORE, mode);
    const request = act(work.objectStore(STORE));
    await new Promise((done, failed) => {
      work.oncomplete = done;
      work.onabort = () => failed(work.error);
    });
    return request?.result;
  } finally {
    base.close();
  }
}

function opened() {
  return new Promise((done, failed) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
}
