// The search boxes of a form are built by a library that tells a screen reader what was chosen, but
// not for which field. Each gets its field's label.

function nameBoxes() {
  const selects = /** @type {NodeListOf<HTMLSelectElement>} */ (
    document.querySelectorAll("select.select2-hidden-accessible")
  );
  for (const select of selects) {
    const label = document.querySelector(`label[for="${CSS.escape(select.id)}"]`);
    const box = select.nextElementSibling?.querySelector(".select2-selection");
    if (!box) continue;
    if (label === null) {
      box.removeAttribute("aria-labelledby");
      box.setAttribute("aria-label", select.getAttribute("aria-label") ?? select.name);
      continue;
    }
    label.id ||= `${select.id}-label`;
    box.setAttribute("aria-labelledby", `${label.id} select2-${select.id}-container`);
    box.querySelector("[role='textbox']")?.setAttribute("aria-labelledby", label.id);
  }
}

// They are built when the form is ready, and again for each line that is added to it.
new MutationObserver((changes) => {
  const added = changes.flatMap((change) => [...change.addedNodes]);
  const isBox = (node) => node instanceof Element && node.classList.contains("select2-container");
  if (added.some(isBox)) nameBoxes();
}).observe(document.documentElement, { childList: true, subtree: true });
