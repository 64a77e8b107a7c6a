// Sends files one by one, so that each may be as large as one may be, and shows
// how far they have come; the page that answers the last takes this one's place.
"use strict";
(function start() {
  const form = document.getElementById("upload");
  if (!form) return;
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    const bar = document.getElementById("upload-progress");
    const status = document.getElementById("upload-status");
    const button = document.getElementById("upload-go");
    const files = [...document.getElementById("upload-file").files];
    if (files.some((f) => f.size > form.dataset.max)) { // the server would hang up in the middle
      status.className = "status wrong";
      status.textContent = form.dataset.large;
      return;
    }
    const whole = files.reduce((n, f) => n + f.size, 0) || 1;
    let sent = 0, carried = [], failed = [], answer;
    const send = (file) => new Promise((done, stop) => {
      const body = new FormData();
      for (const [name, value] of [["csrf", form.elements.csrf.value], ["next", form.elements.next.value], ...carried]) body.append(name, value);
      body.append("file", file);
      const request = new XMLHttpRequest();
      request.open("POST", form.action);
      request.upload.onprogress = (p) => { bar.value = 100 * (sent + Math.min(p.loaded, file.size)) / whole; };
      request.upload.onload = () => { if (file === files[files.length - 1]) bar.removeAttribute("value"); };
      request.onerror = stop;
      request.onload = () => done(new DOMParser().parseFromString(request.responseText, "text/html"));
      request.send(body);
    });
    bar.value = 0;
    bar.hidden = false;
    button.disabled = true;
    status.className = "status";
    try {
      for (const file of files) {
        status.textContent = files.length > 1 ? file.name : "";
        if (answer) failed.push(...answer.querySelectorAll(".upload-failed"));
        answer = await send(file);
        sent += file.size;
        const kept = [...answer.querySelectorAll("#carried input")].map((i) => [i.name, i.value]);
        if (kept.length) carried = kept;
        if (!answer.getElementById("review") && !answer.getElementById("upload")) break; // a page of another sort says why
      }
      const main = answer.getElementById("main");
      main.querySelector("#upload-wrong")?.prepend(...failed);
      const self = answer.getElementById("review")?.dataset.self;
      if (self) history.replaceState(null, "", self); // a reload shows the same files
      document.title = answer.title;
      const switcher = answer.getElementById("language");
      if (switcher) document.getElementById("language").replaceWith(document.adoptNode(switcher));
      document.getElementById("main").replaceWith(document.adoptNode(main));
      main.focus();
      window.scrollTo(0, 0);
      start();
    } catch {
      bar.hidden = true;
      button.disabled = false;
      status.className = "status wrong";
      status.textContent = form.dataset.offline;
    }
  });
})();
