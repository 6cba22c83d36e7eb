// What a timeline tells of its current step: who runs where, what is held, waited for, and so now.
(function () {
  "use strict";
  const { html, useState, useMemo, useLayoutEffect, useRef, film } = window.lockwright;
  const { chain, rowOf, colour, label, result, times, single } = film;
  const KINDS = ["", "tl-kw", "tl-str", "tl-com", "tl-num", "tl-name"];

  const file = (path) => path.split("/").pop();

  function Frames({ frames, first, chosen, choose }) {
    if (!frames.length) return null;
    return html`<ol class="tl-chain">${frames.map((frame, at) => html`<li>
      <button type="button" aria-pressed=${first + at === chosen} title=${frame.path}
        onClick=${() => choose(first + at)}><code>${frame.fn}</code> <small>${frame.path
          ? `${file(frame.path)}:${frame.line}` : `+${frame.line}/${frame.size}`}</small>
      </button></li>`)}</ol>`;
  }

  function colouredLines([first, text, runs]) {
    const lines = [[]];
    let at = 0;
    const add = (kind, piece) => piece.split("\n").forEach((part, nth) => {
      if (nth) lines.push([]);
      const shown = kind ? html`<i class=${KINDS[kind]}>${part}</i>` : part;
      if (part) lines[lines.length - 1].push(shown);
    });
    for (let nth = 0; nth < runs.length; nth += 2) {
      add(runs[nth], text.slice(at, at + runs[nth + 1]));
      at += runs[nth + 1];
    }
    add(0, text.slice(at));
    return lines.map((line, nth) => ({ number: first + nth, line }));
  }

  function Source({ frame }) {
    const [copied, setCopied] = useState("");
    const marked = useRef(null);
    const lines = useMemo(() => frame.source && colouredLines(frame.source), [frame.source]);
    useLayoutEffect(() => {
      const line = marked.current;
      if (line) line.parentElement.scrollTop = line.offsetTop - line.parentElement.clientHeight / 2;
    }, [frame.source, frame.line]);
    if (!frame.path) return null;
    const place = `${frame.path}:${frame.line}`;
    const copy = async () => setCopied((await window.lockwright.copy(place)) ? place : "");
    return html`<div class="tl-source">
      <h5><code>${place}</code> <button type="button" onClick=${copy}
        aria-label=${`Copy ${place}`}>${copied === place ? "Copied" : "Copy"}</button></h5>
      ${lines ? html`<pre tabindex="0" aria-label=${`Source of ${frame.fn}`}>${
        lines.map(({ number, line }) => html`<code key=${number}
          ref=${number === frame.line ? marked : null}
          class=${number === frame.line ? "tl-line tl-here" : "tl-line"}
          aria-current=${number === frame.line ? "true" : null}><b>${number}</b>${line}${
          "\n"}</code>`)
      }</pre>` : html`<p>The source is not in this report.</p>`}
    </div>`;
  }

  function LockName({ lock }) {
    return html`<span class=${`tl-key ${colour(lock.at)}`}>${lock.letter}</span> <code
      title=${lock.about}>${lock.name}</code>`;
  }

  function Since({ run, step, go }) {
    if (step < 0) return html`<small>from the beginning</small>`;
    return html`<button type="button" class="tl-since" onClick=${() => go(rowOf(run, step))}>
      since step ${step}</button>`;
  }

  function Held({ run, state, go }) {
    if (!run.locks.length) return null;
    const lanes = run.lanes.filter((lane) => state.held.some((hold) => hold.lane === lane.at));
    return html`<h5>Held now</h5>
      ${!lanes.length && html`<p class="tl-none">no lock</p>`}
      <dl class="tl-held">${lanes.map((lane) => html`<dt>${lane.head}</dt>
        ${state.held.filter((hold) => hold.lane === lane.at).map((hold) => html`<dd
          data-held=${`${lane.at} ${hold.lock} ${hold.how} ${hold.begin}`}>
          <${LockName} lock=${run.locks[hold.lock]} />${hold.how !== "exclusive"
            && html` <em>${hold.how}</em>`} <${Since} run=${run} step=${hold.begin} go=${go} />
        </dd>`)}`)}</dl>`;
  }

  function Waiting({ run, state, go }) {
    // a task that waits for its grace period says so once
    const waits = (period) => state.waiting.some(
      (wait) => wait.lane === period.lane && wait.text === period.text);
    const all = [...state.waiting, ...state.periods.filter((each) => !waits(each)).map((period) => ({
      ...period, text: `${period.text || "grace period"} (${period.domain})`,
    }))];
    if (!all.length) return null;
    return html`<h5>Waiting now</h5><dl class="tl-held">${all.map((wait) => html`
      <dt>${run.lanes[wait.lane] ? run.lanes[wait.lane].head : "somebody"}</dt>
      <dd data-wait=${`${wait.lane} ${wait.lock} ${wait.begin}`}><code>${wait.text}</code>${
        wait.on.length > 0 && html` for <b>${wait.on.filter((at) => at >= 0)
          .map((at) => run.lanes[at].head).join(", ")}</b>`}${" "}
        <${Since} run=${run} step=${wait.begin} go=${go} /></dd>`)}</dl>`;
  }

  const LIVES = { unborn: "not there yet", alive: "", freed: "freed" };

  function lifeOf(thing, life, born, freed) {
    if (born) return thing.kind ? "allocated by this step" : "begins in this step";
    if (freed) return "freed by this step";
    return life === "freed" && thing.by ? `freed by ${thing.by}` : LIVES[life];
  }

  function Thing({ run, state, at }) {
    const thing = run.things[at];
    const values = state.values[at];
    const changed = state.changed.filter((change) => change.thing === at);
    const born = state.born.includes(at), freed = state.freed.includes(at);
    const life = lifeOf(thing, state.lives[at], born, freed);
    const field = (name) => {
      const change = !born && changed.find((each) => each.field === name);
      return [change, html` = ${change && html`<s>${change.old}</s> → `}<code>${
        values[name]}</code>`];
    };
    const known = thing.fields.filter((name) => name in values && state.lives[at] !== "unborn");
    const mark = born || freed || changed.length ? "tl-changed" : "";
    const head = html`<code>${thing.whole}</code>${life && html` <em
      class=${`tl-life-${state.lives[at]}`}>${life}</em>`}`;
    if (single(thing) && known.length) {
      const [change, value] = field(known[0]);
      return html`<li data-thing=${at} class=${mark}><span data-field=${known[0]}
        class=${change ? "tl-new" : ""}>${head}${value}</span></li>`;
    }
    return html`<li data-thing=${at} class=${mark}>${head}<ul>${known.map((name) => {
      const [change, value] = field(name);
      return html`<li data-field=${name} class=${change ? "tl-new" : ""}><code>${name}</code>${
        value}</li>`;
    })}</ul></li>`;
  }

  function Things({ run, state, view }) {
    if (!run.things.length) return null;
    const touched = new Set([...state.changed.map((each) => each.thing), ...state.born,
      ...state.freed]);
    const first = run.things.map((thing) => thing.at)
      .filter((at) => touched.has(at) || view.things.includes(at));
    const others = run.things.map((thing) => thing.at).filter((at) => !first.includes(at));
    const list = (all) => html`<ul class="tl-things">${all.map((at) => html`<${Thing} key=${at}
      run=${run} state=${state} at=${at} />`)}</ul>`;
    return html`<h5>Objects now</h5>${list(first)}
      ${others.length > 0 && html`<details><summary>${others.length} other${
        others.length > 1 ? "s" : ""}</summary>${list(others)}</details>`}`;
  }

  // What runs in a row, or what became of each task: its words, and where it is.
  function whatOf(run, stop) {
    const row = run.rows[stop];
    const frames = (from) => chain(window.lockwright.data, from);
    if (row) {
      const said = html`<p><code>${row.op}</code>${row.result && html` = <code>${row.result
        }</code>`}${times(row)}</p>`;
      return [{ said, frames: frames(row) }];
    }
    return run.lanes.filter((lane) => lane.end).map((lane) => ({
      said: html`<p><b>${lane.head}</b> ${lane.end}: <code>${lane.last}</code></p>`,
      frames: frames(lane),
    }));
  }

  function Panel({ run, stop, state, view, go }) {
    const row = run.rows[stop];
    const what = useMemo(() => whatOf(run, stop), [run, stop]);
    const [chosen, setChosen] = useState([stop, 0]);
    const at = chosen[0] === stop ? chosen[1] : 0;
    const all = what.flatMap((each) => each.frames);
    let first = 0;
    return html`<div class="tl-panel">
      <div class="tl-now">
        <h4>${row ? `Step ${label(row)}: ${run.lanes[row.lane].head}${
          row.context && ` (${row.context})`}` : "The end"}</h4>
        ${run.finding && run.finding.row === stop && html`<p class="tl-flag">⚑ ${
          run.finding.headline}</p>`}
        ${what.map(({ said, frames }) => {
          first += frames.length;
          return html`${said}<${Frames} frames=${frames} first=${first - frames.length}
            chosen=${at} choose=${(nth) => setChosen([stop, nth])} />`;
        })}
      </div>
      ${all[at] && html`<${Source} frame=${all[at]} />`}
      <div class="tl-state">
        <${Held} run=${run} state=${state} go=${go} />
        <${Waiting} run=${run} state=${state} go=${go} />
        <${Things} run=${run} state=${state} view=${view} />
      </div>
    </div>`;
  }

  Object.assign(film, { Panel, LockName });
})();
