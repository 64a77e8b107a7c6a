// Shows a document of this origin by Swagger UI, and nothing of another one.
"use strict";
const at = document.getElementById("swagger-ui"), dark = matchMedia("(prefers-color-scheme: dark)");
const shade = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
shade();
dark.addEventListener("change", shade);
SwaggerUIBundle({
  url: at.dataset.document,
  domNode: at,
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  supportedSubmitMethods: "try" in at.dataset ? ["get", "put", "post", "patch", "delete"] : [],
});
