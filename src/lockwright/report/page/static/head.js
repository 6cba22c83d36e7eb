// Runs before anything is shown, so that nothing jumps.
(function () {
  "use strict";
  const root = document.documentElement;
  root.classList.add("js");
  try {
    const theme = localStorage.getItem("lockwright-theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch (error) {
    // no storage for a page that was opened from a disk: the system's colours
  }
})();
