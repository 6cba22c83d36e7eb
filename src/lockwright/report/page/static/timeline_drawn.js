// What of a timeline is drawn once, whatever its current step is: lanes, rows, bars, arrows.
(function () {
  "use strict";
  const { html, film } = window.lockwright;
  const { rowOf, span } = film;
  const { ROW, SLOT, GUTTER, CHAR } = film.sizes;
  const COLOURS = 8;

  const px = (number) => `${number}px`;
  const box = (x, y, width, height) => ({
    left: px(x), top: px(y), width: px(width), height: px(height),
  });
  const colour = (lock) => `tl-c${lock % COLOURS}`;
  const result = (row) => (row.result ? ` = ${row.result}` : "");
  const times = (row) => (row.times > 1 ? ` ×${row.times}` : "");
  const label = (row) => (row.first === row.last ? `${row.first}` : `${row.first}–${row.last}`);

  // In so many characters, without the middle: an operation ends in the field that it is about.
  function fit(text, most) {
    if (text.length <= most) return text;
    const head = Math.min(text.indexOf("(") + 1 || most, Math.floor(most * 0.65));
    const tail = Math.max(most - head - 1, 0);
    return `${text.slice(0, head)}…${tail ? text.slice(-tail) : ""}`;
  }

  // The operation and its result; a long result leaves room for the operation.
  function fitted(row, width) {
    const most = Math.floor((width - 4) / CHAR) - times(row).length;
    const back = result(row);
    const room = Math.max(most - row.op.length, Math.floor(most * 0.4));
    const shown = back.length <= room ? back : ` = ${fit(row.result, Math.max(room - 3, 4))}`;
    return [fit(row.op, most - (back ? shown.length : 0)), back && shown];
  }

  // A variable that stands for itself: its name says what the value is of.
  const single = (thing) => !thing.kind && thing.fields.length === 1;

  function drawRow(run, place, item, id) {
    const { row } = item;
    const lane = place.lanes[row.lane];
    const said = `step ${label(row)}, ${run.lanes[row.lane].head}: ${row.op}${result(row)}`;
    const x = lane ? lane.text : GUTTER;
    const [op, back] = fitted(row, lane ? lane.textW : 300);
    return html`<div role="option" id=${`${id}-${row.at}`} data-stop=${row.at}
      data-lane=${row.lane} aria-label=${said}
      class=${item.switched ? "tl-row tl-switch" : "tl-row"}
      style=${{ top: px(item.y), height: px(ROW) }}>
      <span class="tl-no">${label(row)}</span>
      ${lane && row.context && html`<i class="tl-inside" style=${box(lane.x, 0, lane.w, ROW)}></i>`}
      <span class="tl-op" style=${{ left: px(x), width: px(lane ? lane.textW : 300) }}
        title=${row.op + result(row) + times(row)}>${op}${back && html`<b>${back}</b>`}${
        times(row)}</span>
    </div>`;
  }

  function drawItem(run, place, item, id) {
    if (item.type === "row") return drawRow(run, place, item, id);
    const style = { top: px(item.y), height: px(item.height) };
    if (item.type === "head") {
      const lane = place.lanes[item.lane] || { text: GUTTER, textW: 200 };
      return html`<div class="tl-fn" aria-hidden="true" title=${item.text}
        style=${{ ...style, left: px(lane.text), width: px(lane.textW) }}>${item.text}</div>`;
    }
    if (item.type === "gap") {
      const steps = item.count === 1 ? "1 step" : `${item.count} steps`;
      return html`<div class="tl-gap" style=${style}><span>⋯ ${steps} not shown</span></div>`;
    }
    if (item.type === "finding") {
      return html`<div class="tl-finding" style=${style} title=${run.finding.headline}>
        <span>⚑ ${run.finding.headline}</span></div>`;
    }
    const ends = run.lanes.filter((lane) => lane.end);
    const said = ends.map((lane) => `${lane.head} ${lane.end}: ${lane.last}`).join("; ");
    return html`<div role="option" id=${`${id}-${run.rows.length}`} data-stop=${run.rows.length}
      class="tl-row tl-ends" style=${style} aria-label=${`the end. ${said}`}>
      <span class="tl-no">end</span>
      ${ends.filter((lane) => place.lanes[lane.at]).map((lane) => html`<span class="tl-end"
        style=${{ left: px(place.lanes[lane.at].text), width: px(place.lanes[lane.at].textW) }}
        title=${`${lane.end}: ${lane.last}`}><b>${lane.end}:</b><br />${lane.last}</span>`)}
    </div>`;
  }

  function drawBar(run, lane, bar) {
    const style = box(lane.x + 3 + bar.slot * SLOT, bar.y, SLOT - 3, bar.height);
    const lock = run.locks[bar.lock];
    if (bar.kind === "wait") {
      const said = `waits in ${bar.text}`;
      return html`<div class="tl-wait" style=${style} title=${said}>${
        bar.height > 70 ? "waits" : ""}</div>`;
    }
    const name = bar.height > 40 ? `${lock.letter} ${lock.name}` : lock.letter;
    return html`<div class=${`tl-hold tl-${bar.how} ${colour(bar.lock)}`} style=${style}
      title=${`${lock.name} (${lock.about}), ${bar.how}`}><span>${name}</span></div>`;
  }

  function drawLane(run, place, at) {
    const lane = place.lanes[at];
    const begin = run.lanes[at].begin;
    const from = begin < 0 ? 0 : place.mid[rowOf(run, begin)];
    const periods = run.periods.filter((period) => period.lane === at);
    return html`<div class="tl-lane" style=${box(lane.x, 0, lane.w, place.height)}></div>
      <div class="tl-life" style=${box(lane.text - 5, from, 0, place.floor - from)}></div>
      ${periods.map((period) => {
        const [y, end] = span(run, place, period);
        const said = `grace period ${period.domain}`;
        return html`<div class="tl-period" style=${box(lane.x + 1, y, lane.w - 3, end - y)}
          title=${`${said}: ${period.text}`}><span>${said}</span></div>`;
      })}
      ${lane.bars.map((bar) => drawBar(run, lane, bar))}`;
  }

  // The life of an object, what changes in it, and uses after its end.
  function drawThing(run, place, { at, x, w }) {
    const thing = run.things[at];
    const [top, floor] = span(run, place, { begin: thing.born, end: thing.freed });
    const notes = {};
    const note = (row, kind, text) => {
      if (!place.stops.includes(row)) return;
      notes[row] = notes[row] || { kind, texts: [] };
      notes[row].texts.push(text);
      if (kind !== "set") notes[row].kind = kind;
    };
    const changed = ({ thing: of, old }) => of === at && old !== undefined;
    run.changes.filter(changed).forEach(({ step, field, value }) => {
      note(rowOf(run, step), "set", single(thing) ? `= ${value}` : `${field} = ${value}`);
    });
    if (thing.born >= 0) note(rowOf(run, thing.born), "born", thing.kind ? "allocated" : "begins");
    if (thing.freed >= 0) {
      const freed = rowOf(run, thing.freed);
      note(freed, "freed", "freed");
      run.touched.things[at].filter((row) => row > freed)
        .forEach((row) => note(row, "late", "used after free"));
    }
    const touches = run.touched.things[at].filter((row) => !notes[row]
      && place.stops.includes(row));
    return html`<div class="tl-lane tl-thing" style=${box(x, 0, w, place.height)}></div>
      <div class="tl-alive" style=${box(x + 9, top, 4, floor - top)}></div>
      ${touches.map((row) => html`<div class="tl-touch"
        style=${box(x + 7, place.mid[row] - 1, 8, 2)}></div>`)}
      ${Object.entries(notes).map(([row, { kind, texts }]) => html`<div
        class=${`tl-note tl-${kind}`} title=${texts.join("\n")}
        style=${box(x + 5, place.mid[row] - ROW / 2, w - 8, ROW)}>${
        { set: "", born: "●", freed: "✕", late: "⚠" }[kind]} ${texts.join(", ")}</div>`)}`;
  }

  function drawArrows(place, id) {
    const shape = ({ from, to, y, kind }) => {
      const way = to > from ? -1 : 1;
      const tip = `M${to + 6 * way} ${y - 4}L${to} ${y}L${to + 6 * way} ${y + 4}`;
      return html`<g class=${`tl-arrow tl-arrow-${kind}`}>
        <circle cx=${from} cy=${y} r="2.5"></circle><path d=${`M${from} ${y}H${to}`}></path>
        <path class="tl-tip" d=${tip}></path></g>`;
    };
    return html`<svg class="tl-arrows" width=${place.width} height=${place.height}
      aria-hidden="true" focusable="false" id=${`${id}-arrows`}>${place.arrows.map(shape)}</svg>`;
  }

  function Heads({ run, place }) {
    return html`<div class="tl-heads" aria-hidden="true" style=${{ width: px(place.width) }}>
      <span class="tl-corner">step</span>
      ${place.order.map((at) => {
        const lane = run.lanes[at], { x, w } = place.lanes[at];
        const said = [lane.head, lane.pid && `pid ${lane.pid}`, lane.context];
        return html`<span class="tl-head" style=${{ left: px(x), width: px(w) }}
          title=${said.filter(Boolean).join(", ")}><b>${lane.head}</b> <small>${
          lane.pid && `pid ${lane.pid}`}</small></span>`;
      })}
      ${place.things.map(({ at, x, w }) => html`<span class="tl-head tl-thing"
        style=${{ left: px(x), width: px(w) }} title=${run.things[at].whole}>
        <small>${run.things[at].kind || "variable"}</small><b>${run.things[at].name}</b></span>`)}
    </div>`;
  }

  // Everything, at the places that a layout gives.
  function drawAll(run, place, id) {
    return html`
      ${place.order.map((at) => drawLane(run, place, at))}
      ${place.things.map((thing) => drawThing(run, place, thing))}
      ${place.items.map((item) => drawItem(run, place, item, id))}
      ${drawArrows(place, id)}`;
  }

  Object.assign(film, { drawAll, Heads, px, colour, label, result, times, single });
})();
