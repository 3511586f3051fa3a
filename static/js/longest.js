// textarea[data-longest="10000"]: longer words stay in the box, and the browser says why they are not sent.
const HUGE = 100_000; // characters; with dir="auto" millions of them stop the page for minutes

document.addEventListener("input", ({ target }) => {
  const longest = Number(target.dataset?.longest);
  if (!longest) return;
  target.dir = target.value.length > HUGE ? "ltr" : "auto";
  const length = target.value.length > longest ? [...target.value].length : 0; // an emoji is one character
  target.setCustomValidity(length > longest ? `It has ${length.toLocaleString("en")} characters; ${longest.toLocaleString("en")} fit. Shorten it.` : "");
});

// A question travels in the address, and gunicorn.conf.py takes no more than 8,190 bytes of one.
const ADDRESS = 7_000; // bytes of words

document.addEventListener("htmx:configRequest", ({ detail }) => {
  const words = [...(detail.verb === "get" && detail.parameters.q || "")];
  const bytes = () => encodeURIComponent(words.join("")).length;
  if (bytes() <= ADDRESS) return;
  while (bytes() > ADDRESS) words.length = Math.floor(words.length * ADDRESS / bytes());
  detail.parameters.q = words.join("");
  detail.parameters.cut = 1;
});
