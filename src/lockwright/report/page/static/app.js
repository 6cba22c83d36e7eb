// The page's own behaviour: colours, folding, filters, sorting, keys.  What is drawn by components
// is put in place by mount.js.
(function () {
  "use strict";
  const { h, render, Fragment, createContext } = preact;
  const hooks = preactHooks;
  const html = htm.bind(h);
  const root = document.documentElement;
  const data = JSON.parse(document.getElementById("lockwright-data").textContent);

  window.lockwright = { ...hooks, h, html, render, Fragment, createContext, data, components: {} };
  window.lockwright.panzoom = window.Panzoom;

  const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));
  const one = (selector, within = document) => within.querySelector(selector);

  function remembered(key, value) {
    try {
      if (value === undefined) return localStorage.getItem(key);
      localStorage.setItem(key, value);
    } catch (error) {
      // not remembered, then
    }
    return null;
  }

  // Colours: as the system has them, light, dark.

  const THEMES = ["system", "light", "dark"];
  const themeSwitch = one("[data-theme-switch]");

  function showTheme() {
    const theme = root.dataset.theme || "system";
    themeSwitch.textContent = `Colours: ${theme}`;
    const said = theme === "system" ? "as the system has them" : theme;
    themeSwitch.setAttribute("aria-label", `Colours: ${said}`);
  }

  themeSwitch.addEventListener("click", () => {
    const now = THEMES.indexOf(root.dataset.theme || "system");
    const next = THEMES[(now + 1) % THEMES.length];
    if (next === "system") delete root.dataset.theme;
    else root.dataset.theme = next;
    remembered("lockwright-theme", next);
    showTheme();
  });
  showTheme();

  // What a link leads to is unfolded.

  function unfold(element) {
    for (let at = element; at; at = at.parentElement) {
      if (at.tagName === "DETAILS") at.open = true;
      at.hidden = false;
    }
  }

  function arrive(id) {
    const element = id && document.getElementById(id);
    if (!element) return;
    unfold(element);
    element.scrollIntoView();
  }

  function anchorOf(hash) {
    try {
      return decodeURIComponent(hash.slice(1));
    } catch (error) {
      return hash.slice(1);
    }
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (!link || link.classList.contains("skip") || event.ctrlKey || event.metaKey) return;
    arrive(anchorOf(link.hash)); // the same link twice is no change of the address
  });
  window.addEventListener("hashchange", () => arrive(anchorOf(location.hash)));
  arrive(anchorOf(location.hash));

  // Copy.

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch (error) {
      const field = document.createElement("textarea");
      field.value = text;
      document.body.append(field);
      field.select();
      const done = document.execCommand("copy");
      field.remove();
      return done;
    }
  }
  window.lockwright.copy = copy;

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-copy]");
    if (!button) return;
    const done = await copy(button.dataset.copy);
    button.textContent = done ? "Copied" : "Not copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
    button.focus();
  });

  // Filters: rows that hold all words, and what was chosen, stay.

  const texts = new WeakMap();

  function textOf(row) {
    if (!texts.has(row)) {
      const group = row.closest("details[data-group]");
      const head = group && one("summary h3", group);
      const name = head ? head.textContent : "";
      texts.set(row, `${name} ${row.textContent}`.toLowerCase());
    }
    return texts.get(row);
  }

  function startFilter(box) {
    const within = document.getElementById(box.dataset.filter);
    const field = one("[data-filter-text]", box);
    const choices = all("[data-filter-choice]", box);
    const said = one("[data-filter-said]", box);
    const rows = all("[data-row]", within);
    const groups = all("details[data-group]", within);
    const wasOpen = new Map(groups.map((group) => [group, group.open]));

    function apply() {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = choices.filter((choice) => choice.value);
      const on = words.length > 0 || wanted.length > 0;
      let shown = 0;
      for (const row of rows) {
        const text = words.length ? textOf(row) : "";
        const keep =
          words.every((word) => text.includes(word)) &&
          wanted.every((choice) => row.dataset[choice.dataset.filterChoice] === choice.value);
        if (row.hidden === keep) row.hidden = !keep;
        shown += keep;
      }
      for (const group of groups) {
        const any = all("[data-row]", group).some((row) => !row.hidden);
        group.hidden = !any;
        group.open = on ? any : wasOpen.get(group);
      }
      said.textContent = on ? `${shown} of ${rows.length} shown` : "";
    }

    let waiting = 0;
    field.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(apply, rows.length > 300 ? 120 : 0);
    });
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !field.value) return;
      field.value = "";
      event.preventDefault();
      apply();
    });
    for (const choice of choices) choice.addEventListener("change", apply);
  }
  all("[data-filter]").forEach(startFilter);

  // Tables that can be sorted by a column.

  function keyOf(row, column) {
    const text = row.cells[column].textContent.trim();
    const number = Number(text.replace(/,/g, ""));
    return text !== "" && !Number.isNaN(number) ? number : text;
  }

  function compared(one, other) {
    if (typeof one === "number" && typeof other === "number") return one - other;
    if (typeof one !== typeof other) return typeof one === "number" ? 1 : -1;
    return one < other ? -1 : one > other ? 1 : 0;
  }

  function startSorting(table) {
    const heads = all("thead th", table);
    const body = table.tBodies[0];
    const before = Array.from(body.rows);
    if (before.length < 2) return;
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const was = head.getAttribute("aria-sort");
        heads.forEach((each) => each.removeAttribute("aria-sort"));
        let rows = before;
        if (was !== "descending") {
          const down = was === "ascending" ? -1 : 1;
          head.setAttribute("aria-sort", down > 0 ? "ascending" : "descending");
          rows = before
            .map((row) => [keyOf(row, column), row])
            .sort(([a], [b]) => down * compared(a, b))
            .map(([, row]) => row);
        }
        body.append(...rows);
      });
    });
  }
  all("table[data-sortable]").forEach(startSorting);

  // A headline without an end is cut; its whole text is below then.

  const HEADLINE_MAX = 600;
  for (const finding of all(".finding")) {
    const title = one("summary h3", finding);
    if (title.textContent.length <= HEADLINE_MAX) continue;
    title.classList.add("cut");
    const whole = document.createElement("div");
    whole.className = "headline";
    whole.tabIndex = 0;
    whole.setAttribute("role", "group");
    whole.setAttribute("aria-label", "The whole headline");
    whole.textContent = title.lastChild.textContent.trim();
    one(".body", finding).prepend(whole);
  }

  // From finding to finding.

  function findings() {
    return all("#finding-list > .finding").filter((each) => !each.hidden);
  }

  function step(from, by) {
    const list = findings();
    if (!list.length) return;
    let at = list.indexOf(from);
    if (at < 0) {
      const middle = innerHeight / 3;
      at = list.findLastIndex((each) => each.getBoundingClientRect().top <= middle);
      if (at < 0 && by < 0) return;
      if (at >= 0 && by < 0 && list[at].getBoundingClientRect().top < -8) at += 1;
    }
    const next = list[Math.min(Math.max(at + by, 0), list.length - 1)];
    next.open = true;
    next.scrollIntoView();
    one("summary", next).focus({ preventScroll: true });
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-step]");
    if (button) step(button.closest(".finding"), Number(button.dataset.step));
  });

  // Keys.

  const keys = document.getElementById("keys");
  const keysOn = one("[data-keys-on]", keys);
  keysOn.checked = remembered("lockwright-keys") !== "off";
  keysOn.addEventListener("change", () => {
    remembered("lockwright-keys", keysOn.checked ? "on" : "off");
  });
  one("[data-keys-open]").addEventListener("click", () => keys.showModal());
  one("[data-keys-close]", keys).addEventListener("click", () => keys.close());

  const PLACES = { v: "verdicts", f: "findings", l: "lock-graph" };
  const WRITING = "input:not([type=checkbox]):not([type=range]), select, textarea";
  let went = false; // the last key was g

  function goTo(key) {
    if (key === "g") scrollTo({ top: 0 });
    else arrive(PLACES[key]);
  }

  function visibleFilter() {
    const seen = all("[data-filter-text]").filter((each) => each.offsetParent !== null);
    const onScreen = seen.filter((each) => each.getBoundingClientRect().top < innerHeight / 2);
    return onScreen[onScreen.length - 1] || seen[0];
  }

  document.addEventListener("keydown", (event) => {
    const afterG = went;
    went = false;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (keys.open || !keysOn.checked) return;
    if (event.target.closest(`${WRITING}, .timeline, #lock-graph [tabindex]`)) return;
    if (afterG && (event.key === "g" || PLACES[event.key])) goTo(event.key);
    else if (event.key === "g") went = true;
    else if (event.key === "n") step(document.activeElement.closest(".finding"), 1);
    else if (event.key === "p") step(document.activeElement.closest(".finding"), -1);
    else if (event.key === "?") keys.showModal();
    else if (event.key === "/" && visibleFilter()) visibleFilter().focus();
    else return;
    event.preventDefault();
  });

  // On paper everything is unfolded, and what was folded is so again afterwards.

  let folded = [];
  window.addEventListener("beforeprint", () => {
    window.lockwright.printing = true;
    folded = all("main details:not([open])").filter((each) => !each.closest(".timeline"));
    for (const each of folded) each.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const each of folded) each.open = false;
    folded = [];
    window.lockwright.printing = false;
  });

  // Where the reader is, in the table of contents.

  const entries = new Map(all("nav a").map((link) => [anchorOf(link.hash), link]));
  if ("IntersectionObserver" in window) {
    const seen = new Set();
    const observer = new IntersectionObserver(
      (changes) => {
        for (const change of changes) {
          if (change.isIntersecting) seen.add(change.target.id);
          else seen.delete(change.target.id);
        }
        const first = Array.from(entries.keys()).find((id) => seen.has(id));
        for (const [id, link] of entries) {
          if (id === first) link.setAttribute("aria-current", "true");
          else link.removeAttribute("aria-current");
        }
      },
      { rootMargin: "-10% 0px -55% 0px" },
    );
    for (const id of entries.keys()) {
      const section = document.getElementById(id);
      if (section) observer.observe(section);
    }
  }
})();
