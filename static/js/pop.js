// A screen pop's page opens the talk by itself: not while it is fetched ahead of time, and not when another site led here.
function send() {
  document.querySelector("form[data-sends-itself]")?.requestSubmit();
}

if (document.prerendering) document.addEventListener("prerenderingchange", send, { once: true });
else if (performance.getEntriesByType("navigation")[0]?.type !== "back_forward") send();
