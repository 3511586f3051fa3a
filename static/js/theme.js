// The theme is kept in a cookie, so that the server draws the right one from the first byte.
const choice = document.querySelector("[data-theme-choice]");

choice?.addEventListener("change", (event) => {
  const theme = event.target.value;
  if (theme === "system") {
    delete document.documentElement.dataset.theme;
    document.cookie = "theme=; path=/; max-age=0; samesite=lax";
  } else {
    document.documentElement.dataset.theme = theme;
    document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax`;
  }
});
