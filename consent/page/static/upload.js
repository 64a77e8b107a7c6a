// Shows how far an upload has come; the page that answers takes this one's place.
"use strict";
(function start() {
  const form = document.getElementById("upload");
  if (!form) return;
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    const bar = document.getElementById("upload-progress");
    const status = document.getElementById("upload-status");
    const button = document.getElementById("upload-go");
    const file = document.getElementById("upload-file").files[0];
    if (file && file.size > form.dataset.max) { // the server would hang up in the middle
      status.className = "status wrong";
      status.textContent = form.dataset.large;
      return;
    }
    const request = new XMLHttpRequest();
    const stop = () => {
      bar.hidden = true;
      button.disabled = false;
      status.className = "status wrong";
      status.textContent = form.dataset.offline;
    };
    request.open("POST", form.action);
    request.upload.onprogress = (p) => { if (p.lengthComputable) bar.value = 100 * p.loaded / p.total; };
    request.upload.onload = () => bar.removeAttribute("value");
    request.onerror = stop;
    request.onload = () => {
      const answer = new DOMParser().parseFromString(request.responseText, "text/html");
      const main = answer.getElementById("main");
      if (!main) { stop(); return; }
      document.title = answer.title;
      const here = document.getElementById("main");
      here.replaceWith(document.adoptNode(main));
      main.focus();
      window.scrollTo(0, 0);
      start();
    };
    bar.value = 0;
    bar.hidden = false;
    button.disabled = true;
    status.className = "status";
    status.textContent = "";
    request.send(new FormData(form));
  });
})();
