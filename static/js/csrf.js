// Every htmx request that changes something carries the page's token.
document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.verb === "get") return;
  detail.headers["X-CSRFToken"] = document.querySelector('meta[name="csrf-token"]').content;
});
