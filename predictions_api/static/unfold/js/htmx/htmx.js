// What the theme loads with every page is needed by its search alone (Ctrl + K), so it comes with
// the first key that a person presses.
document.addEventListener("keydown", () => import("../../../theme/htmx.js"), { once: true });
