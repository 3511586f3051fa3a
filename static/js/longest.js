// textarea[data-longest="10000"]: longer words stay in the box, and the browser says why they are not sent.
const HUGE = 100_000; // characters; with dir="auto" millions of them stop the page for minutes

document.addEventListener("input", ({ target }) => {
  const longest = Number(target.dataset?.longest);
  if (!longest) return;
  target.dir = target.value.length > HUGE ? "ltr" : "auto";
  const length = target.value.length > longest ? [...target.value].length : 0; // an emoji is one character
  target.setCustomValidity(length > longest ? `It has ${length.toLocaleString("en")} characters; ${longest.toLocaleString("en")} fit. Shorten it.` : "");
});
