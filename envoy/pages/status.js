// Shows the state of each process, as /v1/status returns it, and keeps it up to date.
"use strict";

const show = (element, state) => {
  element.textContent = state.replace("STATE_", "").replace("_", " ").toLowerCase();
  element.className = state === "STATE_SERVING" ? "good" : "bad";
};

const look = async () => {
  try {
    const { state, services } = await (await fetch("/v1/status")).json();
    show(document.getElementById("shop-state"), state);
    for (const service of services) {
      const cell = document.querySelector(`[data-process="${CSS.escape(service.name)}"]`);
      if (cell) {
        show(cell, service.state);
      }
    }
  } catch {
    show(document.getElementById("shop-state"), "not available");
  }
  setTimeout(look, 5000);
};

look();
