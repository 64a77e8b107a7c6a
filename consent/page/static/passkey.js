// Passkey ceremonies: a form with data-ceremony is answered by this device, or
// in the sandbox by a software passkey, and goes on where the server says.
"use strict";
(() => {
  const words = JSON.parse(document.getElementById("passkey-words").textContent);
  const busy = (form, on) => {
    form.setAttribute("aria-busy", on ? "true" : "false");
    for (const b of form.elements) if (b.tagName === "BUTTON") b.disabled = on;
  };
  class Refusal extends Error {}

  async function send(url, body) {
    let answer;
    try {
      answer = await fetch(url, {
        method: "POST", credentials: "same-origin", body: JSON.stringify(body),
        headers: { "Content-Type": "application/json", "X-Jali-CSRF": words.csrf || "" },
      });
    } catch {
      throw new Refusal(words.offline);
    }
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) {
      const refusal = new Refusal(said.message || words.failed);
      refusal.code = said.code;
      throw refusal;
    }
    return said;
  }

  // bare takes options with or without the publicKey wrapping.
  const bare = (options) => options.publicKey || options;

  const device = {
    check() {
      if (!window.PublicKeyCredential || !PublicKeyCredential.parseRequestOptionsFromJSON) throw new Refusal(words.unsupported);
    },
    async create(options) {
      this.check();
      const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(bare(options));
      return (await navigator.credentials.create({ publicKey })).toJSON();
    },
    async get(options) {
      this.check();
      const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(bare(options));
      return (await navigator.credentials.get({ publicKey })).toJSON();
    },
  };

  const software = {
    create: (options) => send(words.software + "/create", { options }),
    get: (options, form) => {
      const id = form.elements.software.value;
      if (!id) throw new Refusal(words.nobody);
      try { sessionStorage.setItem("jali-software", id); } catch { /* no storage, no memory */ }
      return send(words.software + "/get", { options, id });
    },
  };

  function showCodes(form, said) {
    const box = document.getElementById(form.dataset.codes);
    const list = box.querySelector("ol");
    for (const code of said.codes) {
      const line = document.createElement("li");
      line.appendChild(document.createElement("code")).textContent = code;
      list.append(line);
    }
    document.getElementById("codes-kept").addEventListener("submit", (e) => {
      e.preventDefault();
      location.assign(said.next);
    });
    form.closest("section").hidden = true;
    document.getElementById("language")?.remove(); // another page would lose the codes
    box.hidden = false;
    box.querySelector("h1").focus();
  }

  async function run(form, how) {
    const by = how === "software" ? software : device;
    const kind = form.dataset.ceremony;
    if (kind === "sign") {
      const options = JSON.parse(document.getElementById(form.dataset.options).textContent);
      const response = await by.get(options, form);
      if (form.dataset.post) {
        form.elements[form.dataset.post].value = JSON.stringify(response);
        form.submit();
        return;
      }
      location.assign((await send(form.dataset.finish, { response })).next);
      return;
    }
    const fields = {};
    if (form.elements.name && form.elements.name.value !== undefined) fields.name = form.elements.name.value;
    const begun = await send(form.dataset.begin, fields);
    const response = await by[kind](begun.options, form);
    const finish = { flow: begun.flow, response };
    if (form.elements.label) finish.label = form.elements.label.value;
    if (form.dataset.next) finish.next = form.dataset.next;
    const said = await send(form.dataset.finish, finish);
    if (said.codes && form.dataset.codes) showCodes(form, said);
    else location.assign(said.next);
  }

  for (const form of document.querySelectorAll("form[data-ceremony]")) {
    const status = document.getElementById(form.id + "-status");
    form.addEventListener("submit", async (e) => {
      e.preventDefault();
      const how = e.submitter ? e.submitter.value : "device";
      busy(form, true);
      status.className = "status";
      status.textContent = how === "device" ? words.working : "";
      try {
        await run(form, how);
        status.textContent = "";
      } catch (err) {
        status.className = "status wrong";
        if (err instanceof Refusal && err.code === "sign_in_again") location.assign("/signin?again=1&next=" + encodeURIComponent(location.pathname));
        if (err instanceof Refusal && err.code === "passkey_excluded") status.textContent = words.already;
        else if (err instanceof Refusal) status.textContent = err.message;
        else if (err && err.name === "InvalidStateError") status.textContent = words.already;
        else if (err && (err.name === "NotAllowedError" || err.name === "AbortError")) status.textContent = words.cancelled;
        else status.textContent = words.failed;
      }
      busy(form, false);
    });
  }

  const who = document.querySelectorAll("select[name=software]");
  if (words.software && who.length) {
    fetch(words.software + "/credentials", { credentials: "same-origin" }).then((r) => r.json()).then((people) => {
      let last = "";
      try { last = sessionStorage.getItem("jali-software") || ""; } catch { /* none */ }
      for (const select of who) {
        // a check for one person takes that person's passkeys alone
        const data = select.form && document.getElementById(select.form.dataset.options || "");
        const allowed = data ? (bare(JSON.parse(data.textContent)).allowCredentials || []).map((c) => c.id) : [];
        const fitting = people.filter((p) => allowed.includes(p.id));
        if (allowed.length && !fitting.length) select.closest(".software").hidden = true;
        for (const p of allowed.length ? fitting : people) select.add(new Option(p.name, p.id, false, p.id === last));
        if (!people.length) select.add(new Option(words.nobody, ""));
      }
    }).catch(() => { for (const select of who) select.add(new Option(words.nobody, "")); });
  }

  const text = (el) => el.value !== undefined && el.tagName === "TEXTAREA" ? el.value
    : [...el.querySelectorAll("li")].map((li) => li.textContent.trim()).join("\n");
  for (const b of document.querySelectorAll("[data-copy]")) {
    const label = b.textContent;
    b.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text(document.querySelector(b.dataset.copy)));
        b.textContent = words.copied;
        setTimeout(() => { b.textContent = label; }, 2000);
      } catch { b.textContent = words.failed; }
    });
  }
  for (const b of document.querySelectorAll("[data-print]")) b.addEventListener("click", () => window.print());
  for (const b of document.querySelectorAll("[data-save]")) {
    b.addEventListener("click", () => {
      const url = URL.createObjectURL(new Blob([text(document.querySelector(b.dataset.save))], { type: "application/jwt" }));
      const a = document.createElement("a");
      a.href = url;
      a.download = b.dataset.filename;
      a.click();
      setTimeout(() => URL.revokeObjectURL(url), 1000);
    });
  }
})();
