// Starts Swagger UI, follows the system's color scheme, and authorizes the page with the token of a session that was
// created on it.
"use strict";

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const followScheme = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", followScheme);
followScheme();

const isSession = (response) =>
  response.ok && /^\/v1\/sessions(:refresh)?$/.test(new URL(response.url, location.href).pathname);

const reference = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  persistAuthorization: false,
  showMutatedRequest: false,
  tryItOutEnabled: true,
  validatorUrl: null,
  responseInterceptor(response) {
    if (isSession(response)) {
      reference.preauthorizeApiKey("bearerAuth", JSON.parse(response.text).accessToken);
    }
    return response;
  },
});
