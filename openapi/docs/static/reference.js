// Shows a document of this origin by Swagger UI, and nothing of another one.
// The layout is ours: Swagger UI's own has a second <main>, a choice of servers
// and a login, none of which this page can use.
"use strict";
const at = document.getElementById("swagger-ui"), say = at.dataset, tryIt = "try" in say;
const dark = matchMedia("(prefers-color-scheme: dark)");
const shade = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
shade();
dark.addEventListener("change", shade);

const ours = ({ React: { createElement: e } }) => ({
  components: {
    JaliLayout({ getComponent, specSelectors }) {
      const loading = specSelectors.loadingStatus(), part = (name) => e(getComponent(name, true));
      if (loading !== "success") return e("p", { className: "soft", role: "status" }, loading?.startsWith("failed") ? say.failed : say.wait);
      const info = specSelectors.info();
      return e("div", { className: "swagger-ui" },
        e("details", { className: "about", open: matchMedia("(min-width: 760px)").matches },
          e("summary", null, e("h2", null, info.get("title"), " ", e("small", null, info.get("version")))),
          e(getComponent("Markdown", true), { source: info.get("description") })),
        part("operations"), part("Webhooks"), part("Models"));
    },
    authorizeOperationBtn: () => null,
    // An operation's whole row is a button; a link within it would be a second one.
    DeepLink: ({ text }) => e("span", null, text),
  },
});

SwaggerUIBundle({
  url: say.document,
  domNode: at,
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
  plugins: [ours],
  layout: "JaliLayout",
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  supportedSubmitMethods: tryIt ? ["get", "put", "post", "patch", "delete"] : [],
});
