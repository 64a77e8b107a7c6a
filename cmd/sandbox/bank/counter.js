// Asks whether the customer has decided, for as long as they may, and goes on
// to what there is to see. Without it the link on the page does the same.
"use strict";
(() => {
  const waiting = document.getElementById("waiting");
  if (!waiting) return;
  const every = 1000 * Number(waiting.dataset.every);
  const until = Date.now() + 1000 * Number(waiting.dataset.left) + 2 * every;
  const look = async () => {
    try {
      const answer = await fetch("/counter", { redirect: "manual" });
      if (answer.type === "opaqueredirect") {
        location.replace("/");
        return;
      }
    } catch {
      // out of reach: the next time, perhaps
    }
    if (Date.now() < until) setTimeout(look, every);
  };
  setTimeout(look, every);
})();
