// Copies commands, and narrows the list of codes while somebody types. Without
// it both are done by hand.
"use strict";
const say = document.body.dataset;
if (navigator.clipboard) {
  for (const figure of document.querySelectorAll("figure.code-sh")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = say.copy;
    button.setAttribute("aria-live", "polite");
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(figure.querySelector("code").textContent);
      button.textContent = say.copied;
      setTimeout(() => { button.textContent = say.copy; }, 2000);
    });
    figure.append(button);
  }
}
const q = document.getElementById("q"), none = document.getElementById("none");
if (q && none) {
  q.addEventListener("input", () => {
    const sought = q.value.trim().toLowerCase();
    let found = 0;
    for (const place of document.querySelectorAll(".place")) {
      let here = 0;
      for (const code of place.querySelectorAll("[data-find]")) {
        code.hidden = !code.dataset.find.includes(sought);
        here += code.hidden ? 0 : 1;
      }
      place.hidden = here === 0;
      found += here;
    }
    none.hidden = found > 0;
  });
}
