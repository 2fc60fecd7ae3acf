// Several predictions of one task, each over the image beside the same ground truth.

import { showAnswers, showTexts } from "./answers.js";
import { Viewer } from "./viewer.js";
import { element, pageData } from "./safe.js";
import { isDrawn } from "./shapes.js";

const { image, texts, views } = pageData();

showTexts(document.getElementById("texts"), texts, []);
document.getElementById("views").replaceChildren(
  ...views.map(({ title, alt, regions }) => {
    const viewer = element("div");
    const answers = element("div");
    if (image !== null || regions.some(isDrawn)) new Viewer(viewer, { image, alt, regions });
    showAnswers(answers, regions);
    return element("section", { class: "desk-card" }, element("h2", {}, title), viewer, answers);
  }),
);
