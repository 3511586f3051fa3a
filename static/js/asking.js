// What a question says in its address beside its words.
document.addEventListener("htmx:configRequest", ({ detail: { elt, verb, parameters, triggeringEvent } }) => {
  if (verb !== "get" || !parameters.q) return;
  // Entered or pasted, its last word is whole; while somebody types, it may only have begun.
  const { type, inputType } = triggeringEvent ?? {};
  const isWhole = type === "submit" || ["insertFromPaste", "insertFromDrop"].includes(inputType);
  if (isWhole && elt.matches("form[role=search]")) parameters.whole = 1;
  shorten(parameters);
});

// gunicorn.conf.py takes no more than 8,190 bytes of an address.
const ADDRESS = 7_000; // bytes of words

function shorten(parameters) {
  const words = [...parameters.q];
  const bytes = () => encodeURIComponent(words.join("")).length;
  if (bytes() <= ADDRESS) return;
  while (bytes() > ADDRESS) words.length = Math.floor(words.length * ADDRESS / bytes());
  parameters.q = words.join("");
  parameters.cut = 1;
}
