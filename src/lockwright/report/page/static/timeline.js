// The timeline of one interleaving: time runs down, a task is a lane, a step is a row.  What it
// knows and where everything stands is timeline_model.js; timeline_drawn.js draws it,
// timeline_panel.js tells of a step, and this lets it be walked.
(function () {
  "use strict";
  const { html, render, useState, useMemo, useLayoutEffect, useRef, useReducer, film } =
    window.lockwright;
  const { decode, stateAt, stepsOf, layout, px, label, result } = film;
  const { drawAll, Heads, Panel, LockName } = film;
  const { ROW, HEAD, GUTTER } = film.sizes;
  const THINGS_FIRST = 3; // objects that are shown from the beginning
  const KEYS = [
    ["j ↓", "next step"], ["k ↑", "previous step"], ["n", "next switch of tasks"],
    ["N", "previous switch"], ["f", "the finding"], ["a", "only what the finding is about"],
    ["Home End", "first, last"], ["Page Up, Page Down", "ten steps"],
  ];

  const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

  // ---- what can be hidden

  function Check({ on, set, children }) {
    return html`<label><input type="checkbox" checked=${on}
      onChange=${(event) => set(event.target.checked)} /> ${children}</label>`;
  }

  const without = (list, at) => list.filter((each) => each !== at);
  const sorted = (list) => [...list].sort((one, two) => one - two);

  function Choices({ run, view, change }) {
    const parts = [...run.locks.map((lock) => [`lock:${lock.at}`, `${lock.letter} ${lock.name}`]),
      ...run.things.map((thing) => [`thing:${thing.at}`, thing.whole])];
    return html`<details class="tl-choices"><summary>Show and hide</summary><div>
      <fieldset><legend>Tasks</legend>${run.lanes.map((lane) => html`<${Check}
        on=${!view.hidden.includes(lane.at)} set=${(on) => change({ hidden: on
          ? without(view.hidden, lane.at) : [...view.hidden, lane.at] })}>${lane.head}<//>`)}
      </fieldset>
      ${run.things.length > 0 && html`<fieldset><legend>Objects</legend>${run.things.map(
        (thing) => html`<${Check} on=${view.things.includes(thing.at)} set=${(on) => change({
          things: on ? sorted([...view.things, thing.at]) : without(view.things, thing.at) })}>${
          cut(thing.whole, 60)}<//>`)}</fieldset>`}
      ${parts.length > 0 && html`<label class="tl-filter">Only steps with <select
        value=${view.filter} onChange=${(event) => change({ filter: event.target.value })}>
        <option value="">any lock or object</option>${parts.map(([value, text]) => html`<option
          value=${value}>${cut(text, 60)}</option>`)}</select></label>`}
    </div></details>`;
  }

  // What the finding is not about is hidden, as if it had been by hand; afterwards it is as before.
  function onlyAbout(run, view, about) {
    if (!about) return { about, hidden: view.before };
    const others = run.lanes.map((lane) => lane.at).filter((at) => !run.about.lanes.includes(at));
    return { about, before: view.hidden, hidden: [...new Set([...view.hidden, ...others])] };
  }

  function Bar({ run, place, view, change, stop, wanted, move, go }) {
    const nth = place.stops.indexOf(stop);
    const button = (text, said, act, off) => html`<button type="button" aria-label=${said}
      title=${said} aria-disabled=${off ? "true" : null} onClick=${off ? null : act}>${text}</button>`;
    const now = stop < run.rows.length ? `step ${label(run.rows[stop])}` : "the end";
    const last = run.rows.length ? run.rows[run.rows.length - 1].last : 0;
    return html`<div class="tl-bar" role="group" aria-label="Walk through the steps">
      <span class="tl-buttons">
        ${button("⇤", "First step", () => move("first"), nth <= 0)}
        ${button("↑ Previous", "Previous step", () => move(-1), nth <= 0)}
        ${button("↓ Next", "Next step", () => move(1), nth >= place.stops.length - 1)}
        ${button("⇥", "Last step", () => move("last"), nth >= place.stops.length - 1)}
        ${button("⇄ Switch", "Next switch of tasks", () => move("switch"), false)}
        ${run.finding && button("⚑ Finding", "Go to the finding",
          () => go(run.finding.row), false)}
      </span>
      <label class="tl-slider"><span>${now}${
        stop < run.rows.length && ` / ${last}`}</span><input type="range" min="0"
        aria-label="Step" aria-valuetext=${now} max=${place.stops.length - 1} value=${nth}
        onInput=${(event) => go(place.stops[Number(event.target.value)])} /></label>
      ${wanted !== stop && html`<span class="tl-away">${away(run, wanted)}</span>`}
      ${run.about && html`<${Check} on=${view.about} set=${(about) => change(
        onlyAbout(run, view, about))}>Only what
        the finding is about<//>`}
      <${Choices} run=${run} view=${view} change=${change} />
      <details class="tl-choices"><summary>Keys</summary><div><dl class="tl-keys">${KEYS.map(
        ([key, said]) => html`<dt><kbd>${key}</kbd></dt><dd>${said}</dd>`)}</dl></div></details>
    </div>`;
  }

  function Legend({ run, place }) {
    const shown = new Set(place.order.flatMap((at) => place.lanes[at].bars)
      .filter((bar) => bar.kind === "hold").map((bar) => bar.lock));
    const locks = run.locks.filter((lock) => shown.has(lock.at));
    const any = (kind) => place.arrows.some((arrow) => arrow.kind === kind);
    const shared = run.holds.some((hold) => hold.how === "shared" && shown.has(hold.lock));
    return html`<ul class="tl-legend" aria-label="Legend">
      ${locks.map((lock) => html`<li><${LockName} lock=${lock} /></li>`)}
      ${shared && html`<li><i class="tl-sample tl-shared"></i> held shared</li>`}
      ${run.waits.length > 0 && html`<li><i class="tl-sample tl-wait"></i> waits</li>`}
      ${any("on") && html`<li><span class="tl-word-on">→</span> waits for</li>`}
      ${any("woken") && html`<li><span class="tl-word-woken">⇢</span> lets it go on</li>`}
      ${run.periods.length > 0 && html`<li><i class="tl-sample tl-period"></i> grace period</li>`}
    </ul>`;
  }

  // ---- the whole

  const PAPER = 1100; // what is left of a sheet, which the style makes smaller

  // [width, whether it is that of paper]
  function useWidth(ref) {
    const [width, setWidth] = useState(0);
    const [paper, setPaper] = useState(false);
    useLayoutEffect(() => {
      const print = window.matchMedia("print");
      const measure = () => {
        setPaper(print.matches);
        setWidth(print.matches ? PAPER : ref.current.clientWidth);
      };
      measure();
      const watch = new ResizeObserver(measure);
      watch.observe(ref.current);
      print.addEventListener("change", measure);
      return () => {
        watch.disconnect();
        print.removeEventListener("change", measure);
      };
    }, []);
    return [width, paper];
  }

  // Said of a current step that was hidden: another one is shown for it.
  function away(run, wanted) {
    return `Step ${label(run.rows[wanted])} is hidden: this is the nearest one`;
  }

  function told(run, state, stop, wanted) {
    const by = (list, word) => list.filter((each) => run.lanes[each.lane]).map((each) => {
      const name = each.lock >= 0 ? run.locks[each.lock].name : each.text;
      return `${run.lanes[each.lane].head} ${word} ${name}`;
    });
    const row = run.rows[stop];
    const what = row ? `Step ${label(row)}. ${run.lanes[row.lane].head}: ${row.op}${result(row)}`
      : "The end";
    const hidden = wanted === stop ? [] : [away(run, wanted)];
    return [...hidden, what, ...by(state.held, "holds"), ...by(state.waiting, "waits for")].join(". ");
  }

  function nextSwitch(run, place, stop, by) {
    const { stops } = place;
    const lane = (nth) => (run.rows[stops[nth]] || { lane: -1 }).lane;
    for (let nth = stops.indexOf(stop) + by; nth >= 0 && nth < stops.length; nth += by) {
      if (lane(nth) !== lane(nth - 1)) return stops[nth];
    }
    return stop;
  }

  const MOVES = {
    j: 1, ArrowDown: 1, k: -1, ArrowUp: -1, Home: "first", End: "last", PageDown: 10, PageUp: -10,
    n: "switch", N: "back", f: "finding", a: "about",
  };

  // The stop that a move leads to.
  function target(run, place, stop, move) {
    const { stops } = place;
    const end = stops.length - 1;
    if (move === "first") return stops[0];
    if (move === "last") return stops[end];
    if (move === "switch") return nextSwitch(run, place, stop, 1);
    if (move === "back") return nextSwitch(run, place, stop, -1);
    if (move === "finding") return run.finding ? run.finding.row : stop;
    return stops[Math.min(Math.max(stops.indexOf(stop) + move, 0), end)];
  }

  function nearest(stops, wanted) {
    if (!stops.length || stops.includes(wanted)) return wanted;
    return stops.reduce((best, each) => (
      Math.abs(each - wanted) < Math.abs(best - wanted) ? each : best));
  }

  // Brings the current row into the middle of its box, and marks it; the page does not move.
  function useCurrent(scroller, id, stop, place) {
    useLayoutEffect(() => {
      const pane = scroller.current;
      const row = pane.querySelector(`#${id}-${stop}`);
      pane.querySelectorAll("[aria-selected=true]").forEach((each) => {
        each.setAttribute("aria-selected", "false");
      });
      if (!row) return;
      row.setAttribute("aria-selected", "true");
      const head = pane.firstElementChild.offsetHeight;
      const y = row.offsetTop + head, seen = pane.scrollTop + head;
      if (y < seen + ROW || y + 2 * ROW + HEAD > pane.scrollTop + pane.clientHeight) {
        pane.scrollTop = y - pane.clientHeight / 2;
      }
      const lane = place.lanes[Number(row.dataset.lane)];
      if (lane && (lane.x + GUTTER < pane.scrollLeft
        || lane.text + Math.min(lane.textW, 200) > pane.scrollLeft + pane.clientWidth)) {
        pane.scrollLeft = lane.x - GUTTER;
      }
    }, [stop, place]);
  }

  // Those that the finding is about, or all if they are few.
  function thingsFirst(run) {
    if (run.things.length <= THINGS_FIRST) return run.things.map((thing) => thing.at);
    return run.about ? run.about.things.slice(0, THINGS_FIRST) : [];
  }

  function Timeline({ index }) {
    const run = useMemo(() => decode(window.lockwright.data, index), [index]);
    const id = `tl${index}`;
    const first = run.finding ? run.finding.row : 0;
    const [view, change] = useReducer((old, part) => ({ ...old, ...part }), {
      hidden: [], before: [], filter: "", about: false,
      things: thingsFirst(run),
    });
    const [wanted, setWanted] = useState(first);
    const whole = useRef(null);
    const inside = useRef(false); // was the focus in here when the step was chosen?
    const scroller = useRef(null);
    const go = (at) => {
      inside.current = whole.current.contains(document.activeElement);
      setWanted(at);
    };
    const [width, paper] = useWidth(scroller);
    const place = useMemo(() => layout(run, view, width, paper), [run, view, width, paper]);
    const stop = nearest(place.stops, wanted);
    const state = useMemo(() => stateAt(run, ...stepsOf(run, stop).reverse()), [run, stop]);
    const drawn = useMemo(() => drawAll(run, place, id), [run, place]);
    const heads = useMemo(() => html`<${Heads} run=${run} place=${place} />`, [run, place]);
    const legend = useMemo(() => html`<${Legend} run=${run} place=${place} />`, [run, place]);
    useCurrent(scroller, id, stop, place);
    useLayoutEffect(() => {
      // what had the focus may be gone with its step
      const lost = inside.current && !whole.current.contains(document.activeElement);
      inside.current = false;
      if (lost) scroller.current.querySelector(".tl-body").focus({ preventScroll: true });
    });
    const move = (how) => go(target(run, place, stop, how));
    const onKey = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (event.target.closest("select, pre, input[type=range]") && event.key.length > 1) return;
      if (event.target.closest("select, textarea") || !(event.key in MOVES)) return;
      event.preventDefault();
      if (MOVES[event.key] !== "about") move(MOVES[event.key]);
      else if (run.about) change(onlyAbout(run, view, !view.about));
    };
    const onClick = (event) => {
      const row = event.target.closest("[data-stop]");
      if (row) go(Number(row.dataset.stop));
    };
    const now = place.items.find((item) => (item.type === "row" && item.row.at === stop)
      || (item.type === "end" && stop === run.rows.length));
    const later = now ? now.y + now.height : 0;
    return html`<div class="tl" ref=${whole} onKeyDown=${onKey}>
      <${Bar} run=${run} place=${place} view=${view} change=${change} stop=${stop}
        wanted=${wanted} move=${move} go=${go} />
      <div class="tl-scroll" ref=${scroller}>
        ${heads}
        <div class="tl-body" role="listbox" tabindex="0" aria-label="Steps of the interleaving"
          aria-activedescendant=${`${id}-${stop}`} onClick=${onClick}
          style=${{ width: px(place.width), height: px(place.height) }}>
          ${now && html`<div class="tl-current" style=${{ top: px(now.y), height: px(now.height) }}
            ></div>`}
          ${drawn}
          <div class="tl-later" style=${{ top: px(later),
            height: px(Math.max(place.height - later, 0)) }}></div>
        </div>
      </div>
      ${legend}
      <${Panel} run=${run} stop=${stop} state=${state} view=${view} go=${go} />
      <p class="tl-said" aria-live="polite">${told(run, state, stop, wanted)}</p>
    </div>`;
  }

  window.lockwright.components.timeline = (element, index) => {
    const { lanes } = window.lockwright.data.runs[index];
    render(lanes.length ? html`<${Timeline} index=${index} />`
      : html`<p>No task made a step.</p>`, element);
  };
})();
