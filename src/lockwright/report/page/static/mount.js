// Puts the components in their places: a timeline when its finding is opened for the first time,
// the lock graph at once.  Two hundred findings must not be drawn before anybody looks, nor to be
// printed: then those that were not looked at are text.
(function () {
  "use strict";
  const lockwright = window.lockwright;
  const { components } = lockwright;

  function draw(details) {
    const place = details.querySelector(".timeline[data-run]");
    if (!place || place.dataset.drawn || lockwright.printing || !components.timeline) return;
    place.dataset.drawn = "yes";
    components.timeline(place, Number(place.dataset.run));
    const text = details.querySelector("details.as-text");
    if (text) text.open = false; // the drawing says the same
  }

  for (const details of document.querySelectorAll("details.finding[data-run]")) {
    details.addEventListener("toggle", () => details.open && draw(details));
    if (details.open) draw(details);
  }
  const graph = document.getElementById("lock-graph");
  if (graph && components.lockgraph) components.lockgraph(graph);
})();
