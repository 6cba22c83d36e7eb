// What a timeline knows, without drawing: the runs of the page's data decoded, the state after a
// step, what is visible, and where everything stands.  Python's side is report/page/film.py.
(function () {
  "use strict";
  const NEVER = -1;
  const FIELDS = ["first", "last", "lane", "fn", "op", "result", "times", "frame", "context"];
  const ROW = 22, HEAD = 18, GAP = 20, FLAG = 28, STRIP = 9, TOP = 6; // heights
  const SLOT = 16, GUTTER = 46, THING = 128; // widths
  const CHAR = 7.3, TEXT_MIN = 206, TEXT_MAX = 460;

  // ---- decoding

  function decode(data, index) {
    const run = data.runs[index];
    const text = (at) => data.sources.strings[at];
    const rows = [];
    const functions = {};
    for (let at = 0; at < run.rows.length; at += FIELDS.length) {
      const row = { at: rows.length };
      FIELDS.forEach((name, offset) => { row[name] = run.rows[at + offset]; });
      if (row.fn >= 0) functions[row.lane] = text(row.fn);
      row.fn = functions[row.lane] || "";
      row.op = text(row.op);
      row.result = text(row.result);
      row.context = row.context < 0 ? "" : text(row.context);
      rows.push(row);
    }
    const lanes = run.lanes.map(([head, comm, pid, context, begin, end, last, frame], at) => ({
      at, head: text(head), comm: text(comm), pid: text(pid), context: text(context), begin,
      end: text(end), last: text(last), frame,
    }));
    const locks = run.locks.map(([name, ...about], at) => ({
      at, name: text(name), about: about.map(text).filter(Boolean).join(", "), letter: letter(at),
    }));
    const holds = run.holds.map(([lane, lock, how, begin, end]) => ({
      lane, lock, how: text(how), begin, end,
    }));
    const waits = run.waits.map(([lane, what, lock, on, begin, woken, end]) => ({
      lane, text: text(what), lock, on, begin, woken, end,
    }));
    const periods = run.periods.map(([domain, lane, what, on, begin, end]) => ({
      domain: text(domain), lane, text: text(what), on, begin, end, lock: -1, woken: -1,
    }));
    const things = run.things.map(([kind, name, born, freed, by, fields], at) => ({
      at, kind: text(kind), name: text(name), born, freed, by: text(by), fields: fields.map(text),
      whole: `${text(kind)} ${text(name)}`.trim(),
    }));
    // `old` is undefined where a value is seen for the first time: no step has changed it
    const values = things.map(() => ({}));
    const changes = run.changes.map(([step, thing, at, value]) => {
      const field = things[thing].fields[at];
      const old = values[thing][field];
      values[thing][field] = text(value);
      return { step, thing, field, old, value: text(value) };
    });
    const finding = run.finding && {
      row: run.finding[0], headline: text(run.finding[1]), lane: run.finding[2],
    };
    const ended = lanes.some((lane) => lane.end) || (finding && finding.row >= rows.length);
    return {
      rows, lanes, locks, holds, waits, periods, things, changes, finding, ended,
      touched: run.touched, about: run.about,
    };
  }

  function letter(at) {
    const rounds = Math.floor(at / 26);
    return String.fromCharCode(65 + (at % 26)) + (rounds ? rounds + 1 : "");
  }

  // The frames of a row, or of a lane at the end, innermost first: {fn, path,
  // line, first, size, source}.
  function chain(data, from) {
    const { strings, functions, frames, texts } = data.sources;
    const found = [];
    for (let at = from.frame; at >= 0; at = frames[3 * at + 2]) {
      const [name, path, first, size] = functions[frames[3 * at]];
      found.push({
        fn: strings[name], path: strings[path], line: frames[3 * at + 1], first, size,
        source: texts[frames[3 * at]],
      });
    }
    return found;
  }

  // ---- the state after a step

  function lasts(each, step) {
    return each.begin <= step && (each.end === NEVER || each.end > step);
  }

  // What holds after `step`; `since` is the first step whose changes are told as such.
  function stateAt(run, step, since) {
    const from = since === undefined ? step : since;
    const values = run.things.map(() => ({}));
    const changed = [];
    run.changes.forEach((change) => {
      if (change.step > step) return;
      if (change.step >= from && change.old !== undefined) changed.push(change);
      values[change.thing][change.field] = change.value;
    });
    const lives = run.things.map((thing) => {
      if (thing.born > step) return "unborn";
      return thing.freed !== NEVER && thing.freed <= step ? "freed" : "alive";
    });
    return {
      held: run.holds.filter((hold) => lasts(hold, step)),
      waiting: run.waits.filter((wait) => lasts(wait, step)),
      periods: run.periods.filter((period) => lasts(period, step)),
      values, lives, changed,
      born: run.things.filter((thing) => thing.born >= from && thing.born <= step && step >= 0)
        .map((thing) => thing.at),
      freed: run.things.filter((thing) => thing.freed >= from && thing.freed <= step
        && thing.freed !== NEVER).map((thing) => thing.at),
    };
  }

  // The steps [since, step] whose state a stop shows; the stop after the last row is the end.
  function stepsOf(run, stop) {
    const row = run.rows[Math.min(stop, run.rows.length - 1)];
    if (!row) return [-1, -1];
    return stop < run.rows.length ? [row.first, row.last] : [row.last + 1, row.last + 1];
  }

  // The row of a step, or of the last one before it that has a row.
  function rowOf(run, step) {
    let low = 0, high = run.rows.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (run.rows[middle].first <= step) low = middle; else high = middle - 1;
    }
    return low;
  }

  // ---- what is visible

  // view: {hidden: [lane], things: [thing], filter: "" | "lock:N" | "thing:N", about: boolean}; what the
  // finding is not about is among the hidden lanes
  function visible(run, view) {
    const about = view.about && run.about;
    const lanes = run.lanes.map((lane) => lane.at).filter((at) => !view.hidden.includes(at));
    const locks = run.locks.map((lock) => !about || !about.locks.length
      || about.locks.includes(lock.at));
    let touching = null;
    if (view.filter) {
      const [kind, at] = view.filter.split(":");
      touching = new Set(run.touched[`${kind}s`][Number(at)]);
    } else if (about && (about.locks.length || about.things.length)) {
      touching = new Set([...about.locks.flatMap((at) => run.touched.locks[at]),
        ...about.things.flatMap((at) => run.touched.things[at])]);
    }
    const rows = run.rows.map((row) => (run.finding && row.at === run.finding.row)
      || (lanes.includes(row.lane) && (!touching || touching.has(row.at))));
    return { lanes, locks, rows, things: view.things };
  }

  // ---- where everything stands

  // Rows, heads of functions, gaps, the finding and the end, from above: {items, mid, bottom, ...}.
  function stack(run, seen) {
    const items = [], mid = [], bottom = [], stops = [];
    const strips = {};
    arrowsOf(run, seen).forEach(({ row }) => { strips[row] = (strips[row] || 0) + 1; });
    const last = {};
    let y = TOP, gap = null, before = -1;
    const put = (type, height, more) => {
      const item = { type, y, height, ...more };
      items.push(item);
      y += height;
      return item;
    };
    run.rows.forEach((row) => {
      if (!seen.rows[row.at]) {
        gap = gap || put("gap", GAP, { count: 0 });
        gap.count += row.last - row.first + 1;
      } else {
        gap = null;
        if (row.fn && row.fn !== last[row.lane]) {
          put("head", HEAD, { lane: row.lane, text: row.fn });
        }
        last[row.lane] = row.fn || last[row.lane];
        put("row", ROW, { row, switched: before >= 0 && before !== row.lane });
        before = row.lane;
        stops.push(row.at);
      }
      mid.push(gap ? gap.y + GAP / 2 : y - ROW / 2);
      bottom.push(y);
      if (strips[row.at]) y += strips[row.at] * STRIP + 2;
      if (run.finding && run.finding.row === row.at) put("finding", FLAG, {});
    });
    if (run.finding && run.finding.row >= run.rows.length) put("finding", FLAG, {});
    const floor = y;
    if (run.ended) {
      put("end", run.lanes.some((lane) => lane.end) ? ROW + HEAD : ROW, {});
      stops.push(run.rows.length);
    }
    return { items, mid, bottom, stops, floor, height: y + TOP };
  }

  function span(run, place, each) {
    const from = each.begin < 0 ? 0 : place.mid[rowOf(run, each.begin)];
    const to = each.end === NEVER ? place.floor : place.mid[rowOf(run, each.end)];
    return [from, Math.max(to, from + 8)];
  }

  // The bars of a lane, side by side where they overlap: {kind, slot, y, height, ...}.
  function bars(run, place, seen, lane) {
    const all = [
      ...run.holds.filter((hold) => hold.lane === lane && seen.locks[hold.lock])
        .map((hold) => ({ kind: "hold", ...hold })),
      ...run.waits.filter((wait) => wait.lane === lane && (wait.lock < 0 || seen.locks[wait.lock]))
        .map((wait) => ({ kind: "wait", ...wait })),
    ].map((each) => {
      const [y, end] = span(run, place, each);
      return { ...each, y, height: end - y };
    });
    all.sort((one, two) => one.y - two.y || one.begin - two.begin);
    const free = [];
    all.forEach((bar) => {
      let slot = free.findIndex((end) => end <= bar.y);
      if (slot < 0) slot = free.length;
      free[slot] = bar.y + bar.height;
      bar.slot = slot;
    });
    return { bars: all, slots: free.length };
  }

  // Widths of the lanes' texts: as wanted, or less, down to a minimum, until they fit.
  function widths(wanted, room, least) {
    const given = wanted.map(() => 0);
    let left = wanted.length;
    wanted.map((want, at) => [want, at]).sort((one, two) => one[0] - two[0] || one[1] - two[1])
      .forEach(([want, at]) => {
        given[at] = Math.max(Math.min(want, room / left), Math.min(want, least));
        room -= given[at];
        left -= 1;
      });
    const spare = Math.max(room, 0) / Math.max(wanted.length, 1);
    return given.map((width) => Math.floor(width + Math.min(spare, 120)));
  }

  function wantedWidth(run, lane) {
    const longest = run.rows.filter((row) => row.lane === lane.at).reduce((most, row) => Math.max(
      most, row.op.length + (row.result ? row.result.length + 3 : 0) + (row.times > 1 ? 4 : 0),
    ), lane.head.length + 2);
    return Math.min(longest * CHAR + 26, TEXT_MAX);
  }

  // Within `width` if the lanes are not narrower then than they can be; on paper they are.
  function layout(run, view, width, paper) {
    const seen = visible(run, view);
    const place = stack(run, seen);
    const railed = seen.lanes.map((at) => bars(run, place, seen, at));
    const fixed = GUTTER + seen.things.length * THING
      + railed.reduce((sum, each) => sum + each.slots * SLOT + 14, 0);
    const texts = widths(seen.lanes.map((at) => wantedWidth(run, run.lanes[at])), width - fixed,
      paper ? 0 : TEXT_MIN);
    const lanes = {};
    let x = GUTTER;
    seen.lanes.forEach((at, nth) => {
      const rail = railed[nth].slots * SLOT;
      const w = rail + texts[nth] + 14;
      lanes[at] = { at, x, w, text: x + rail + 8, textW: texts[nth], bars: railed[nth].bars };
      x += w;
    });
    const things = seen.things.map((at, nth) => ({ at, x: x + nth * THING, w: THING }));
    x += things.length * THING;
    const made = { ...place, lanes, order: seen.lanes, things, width: Math.max(x, width - 2) };
    made.arrows = placed(run, seen, made);
    return made;
  }

  // From who waits to whom it waits for, and from who wakes it: {kind, row, lane, other, wait},
  // each drawn below a row.  Between hidden lanes there is none.
  function arrowsOf(run, seen) {
    const shown = (lane, other) => lane !== other && seen.lanes.includes(lane)
      && seen.lanes.includes(other);
    const found = [];
    const add = (wait, kind) => wait.on.filter((other) => shown(wait.lane, other))
      .forEach((other) => found.push({
        kind, row: rowOf(run, wait.begin), lane: wait.lane, other, wait,
      }));
    run.waits.filter((wait) => wait.lock < 0 || seen.locks[wait.lock]).forEach((wait) => {
      if (!run.periods.some((period) => period.lane === wait.lane && period.begin === wait.begin)) {
        add(wait, "on");
      }
      if (wait.woken < 0 || wait.woken <= wait.begin) return;
      const row = rowOf(run, wait.woken);
      const other = run.rows[row].lane;
      if (shown(wait.lane, other)) found.push({ kind: "woken", row, lane: wait.lane, other, wait });
    });
    run.periods.forEach((period) => add(period, "period"));
    return found.filter(({ row }) => seen.rows[row] !== undefined);
  }

  // Where the arrows are: {kind, from, to, y}.
  function placed(run, seen, made) {
    const drawn = {};
    return arrowsOf(run, seen).map((arrow) => {
      const { kind, row, lane, other, wait } = arrow;
      const nth = drawn[row] || 0;
      drawn[row] = nth + 1;
      const y = made.bottom[row] + STRIP * nth + STRIP / 2 + 1;
      const own = made.lanes[lane], others = made.lanes[other];
      const waiting = own.bars.find((bar) => bar.kind === "wait" && bar.begin === wait.begin);
      const x = waiting ? middle(own, waiting)
        : others.x < own.x ? own.x + 2 : own.x + own.w - 8;
      if (kind === "woken") return { kind, from: others.text - 5, to: x, y };
      const held = others.bars.find((bar) => bar.kind === "hold" && lasts(bar, wait.begin)
        && (wait.lock < 0 ? run.locks[bar.lock].name === wait.domain : bar.lock === wait.lock));
      return { kind, from: x, to: held ? middle(others, held) : others.text - 5, y };
    });
  }

  function middle(lane, bar) {
    return lane.x + bar.slot * SLOT + SLOT / 2 + 1.5;
  }

  window.lockwright.film = {
    decode, chain, stateAt, stepsOf, rowOf, visible, layout, span, lasts,
    sizes: { ROW, HEAD, SLOT, GUTTER, TOP, CHAR },
  };
})();
