// Loads the list of waiting requests again when it has changed. It asks while
// the page is looked at, and for ten minutes at most: an open tab shall not
// keep somebody signed in.
"use strict";
(() => {
  const shown = document.getElementById("requests").dataset.waiting;
  const until = Date.now() + 10 * 60 * 1000;
  const look = async () => {
    if (Date.now() > until) return;
    if (!document.hidden) {
      try {
        const answer = await fetch("/requests/ids", { credentials: "same-origin", redirect: "error" });
        if (!answer.ok) return;
        if ((await answer.json()).waiting !== shown) {
          location.reload();
          return;
        }
      } catch {
        // out of reach, or signed out: the link on the page says it better
      }
    }
    setTimeout(look, 5000);
  };
  setTimeout(look, 5000);
})();
