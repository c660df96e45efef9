// Shows the state of each process, as /v1/status returns it.
"use strict";

const show = (element, state) => {
  element.textContent = state.replace("STATE_", "").replace("_", " ").toLowerCase();
  element.className = state === "STATE_SERVING" ? "good" : "bad";
};

fetch("/v1/status")
  .then((response) => response.json())
  .then(({ state, services }) => {
    show(document.getElementById("shop-state"), state);
    for (const service of services) {
      const cell = document.querySelector(`[data-process="${CSS.escape(service.name)}"]`);
      if (cell) {
        show(cell, service.state);
      }
    }
  })
  .catch(() => show(document.getElementById("shop-state"), "not available"));
