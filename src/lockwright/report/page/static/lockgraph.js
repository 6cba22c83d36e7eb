// The lock graph's pictures: filter, choose, go from class to class, move and zoom.  The pictures
// are in the page already; a script only shows, hides and marks what is in them.
(function () {
  "use strict";
  const { html, render, data, components, panzoom } = window.lockwright;
  const SCALE_MIN = 0.03;
  const SCALE_MAX = 4;
  const FITTED_MIN = 0.45; // a picture that must be smaller than that to fit begins at a cycle,
  const READABLE = 0.8; // of this size, or down to that if the cycle is wide
  const READABLE_MIN = 0.6;
  const HEIGHT_MIN = 240;
  const AROUND = 16; // pixels between what is begun with and the frame
  const MOVED = 4; // pixels: more is no click

  const middle = (box) => ({ x: box.x + box.width / 2, y: box.y + box.height / 2 });

  // One picture: its elements by the places of classes and orders, and where one looks at it.
  class Picture {
    constructor(frame, graph) {
      this.frame = frame;
      this.svg = frame.querySelector("svg");
      this.graph = graph;
      this.width = this.svg.width.baseVal.value;
      this.height = this.svg.height.baseVal.value;
      const places = (name) =>
        new Map(
          Array.from(this.svg.querySelectorAll(`[data-${name}]`)).map((each) => [
            Number(each.dataset[name]),
            each,
          ]),
        );
      this.boxes = places("class");
      this.orders = places("order");
      this.labels = places("label");
      this.rects = new Map();
      for (const [at, box] of this.boxes) {
        const { x, y, width, height } = box.querySelector("rect");
        const value = (length) => length.baseVal.value;
        const rect = { x: value(x), y: value(y), width: value(width), height: value(height) };
        this.rects.set(at, { ...rect, mx: middle(rect).x, my: middle(rect).y });
      }
      this.prepare();
      this.startView();
    }

    prepare() {
      this.size();
      this.frame.removeAttribute("tabindex");
      this.svg.setAttribute("role", "group");
      this.hits = new Map();
      const first = this.boxes.values().next().value;
      for (const [at, order] of this.orders) {
        const hit = order.cloneNode(false);
        hit.removeAttribute("marker-end");
        hit.removeAttribute("data-order");
        hit.setAttribute("class", "lg-hit");
        hit.dataset.hit = at;
        this.hits.set(at, hit);
        this.svg.insertBefore(hit, first);
      }
      for (const [at, box] of this.boxes) {
        const known = this.graph.classes[at];
        box.setAttribute("role", "button");
        box.setAttribute("aria-label", `${known.name} ${known.state}`.trim());
        box.setAttribute("tabindex", "-1");
      }
      this.enter(this.boxes.keys().next().value);
    }

    // The class at which Tab enters the picture.
    enter(at) {
      if (this.entered !== undefined) this.boxes.get(this.entered).setAttribute("tabindex", "-1");
      this.entered = at;
      if (at !== undefined) this.boxes.get(at).setAttribute("tabindex", "0");
    }

    startView() {
      this.view = panzoom(this.svg, {
        minScale: SCALE_MIN,
        maxScale: SCALE_MAX,
        canvas: true,
        cursor: "grab",
        animate: false,
      });
      // what a browser scrolls into sight, as it does for a focus, is moved there instead
      this.frame.addEventListener("scroll", () => {
        const [x, y] = [this.frame.scrollLeft, this.frame.scrollTop];
        if (!x && !y) return;
        this.frame.scrollTo(0, 0);
        const [pan, scale] = [this.view.getPan(), this.view.getScale()];
        this.view.pan(pan.x - x / scale, pan.y - y / scale, { force: true });
      });
      // panzoom sets its own beginning when the script is over: ours comes after that
      setTimeout(() => this.begin());
    }

    // The frame is as high as the picture is at its beginning, within what the style allows.
    size() {
      const high = parseFloat(getComputedStyle(this.frame).maxHeight) || Infinity;
      const fitted = Math.min(1, this.frame.clientWidth / this.width, (high - 2) / this.height);
      this.fitted = fitted >= FITTED_MIN;
      this.first = this.fitted ? fitted : this.readable();
      const height = Math.max(Math.ceil(this.height * this.first), HEIGHT_MIN);
      this.frame.style.height = `${height + 2}px`;
    }

    // What a picture begins with that is too large to be seen whole: the first cycle, else the
    // class that is nearest to its corner.
    beginning() {
      const drawn = this.graph.cycles.find((cycle) => cycle.classes.some((at) => this.boxes.has(at)));
      if (drawn) return drawn.classes;
      const corner = (at) => this.rects.get(at).x + this.rects.get(at).y;
      return [Array.from(this.boxes.keys()).reduce((one, at) => (corner(at) < corner(one) ? at : one))];
    }

    readable() {
      const wide = (this.frame.clientWidth - 2 * AROUND) / this.bounds(this.beginning()).width;
      return Math.max(READABLE_MIN, Math.min(READABLE, wide));
    }

    begin() {
      if (this.fitted) {
        this.lookAt(this.width / 2, this.height / 2, this.first);
        return;
      }
      const box = this.bounds(this.beginning());
      const { clientWidth, clientHeight } = this.frame;
      // of what has no room its left and upper end
      const half = (length, room) => Math.min(length / 2, (room / 2 - AROUND) / this.first);
      this.lookAt(box.x + half(box.width, clientWidth), box.y + half(box.height, clientHeight), this.first);
    }

    // Bring a point of the picture to the frame's middle, or as near to it as the frame stays full;
    // a picture that is smaller than the frame is in its middle.
    lookAt(x, y, scale) {
      const start = (length, room, at) => {
        const spare = room - length * scale;
        return spare >= 0 ? spare / 2 : Math.min(Math.max(room / 2 - at * scale, spare), 0);
      };
      const left = start(this.width, this.frame.clientWidth, x);
      const top = start(this.height, this.frame.clientHeight, y);
      const [cx, cy] = [this.width / 2, this.height / 2];
      this.view.zoom(scale, { force: true });
      this.view.pan((left - cx) / scale + cx, (top - cy) / scale + cy, { force: true });
    }

    // The same as another one of the same size; what hardly differs is left, or both would go on
    // moving each other.
    lookLike(other) {
      const [scale, wanted] = [other.view.getScale(), other.view.getPan()];
      const pan = this.view.getPan();
      const far = Math.abs(pan.x - wanted.x) + Math.abs(pan.y - wanted.y);
      if (far + 1000 * Math.abs(this.view.getScale() - scale) < 0.5) return;
      this.view.zoom(scale, { force: true });
      this.view.pan(wanted.x, wanted.y, { force: true });
    }

    bounds(classes) {
      const rects = classes.map((at) => this.rects.get(at)).filter(Boolean);
      if (!rects.length) return null;
      const x = Math.min(...rects.map((each) => each.x));
      const y = Math.min(...rects.map((each) => each.y));
      return {
        x,
        y,
        width: Math.max(...rects.map((each) => each.x + each.width)) - x,
        height: Math.max(...rects.map((each) => each.y + each.height)) - y,
      };
    }

    show(classes, most = 1) {
      const box = this.bounds(classes);
      if (!box) return;
      const wide = this.frame.clientWidth / (box.width + 120);
      const high = this.frame.clientHeight / (box.height + 80);
      const scale = Math.max(Math.min(most, wide, high), SCALE_MIN);
      this.lookAt(middle(box).x, middle(box).y, scale);
    }

    fit() {
      const seen = Array.from(this.boxes.keys()).filter((at) => this.seen(at));
      if (seen.length && seen.length < this.boxes.size) {
        this.show(seen);
        return;
      }
      const { clientWidth, clientHeight } = this.frame;
      const scale = Math.min(1, clientWidth / this.width, clientHeight / this.height);
      this.lookAt(this.width / 2, this.height / 2, Math.max(scale, SCALE_MIN));
    }

    seen(at) {
      const box = this.boxes.get(at);
      return box !== undefined && !box.classList.contains("lg-off");
    }

    // Go to a class with the keyboard; what is out of sight comes into it.
    goTo(at) {
      this.enter(at);
      this.boxes.get(at).focus({ preventScroll: true });
      const box = this.boxes.get(at).getBoundingClientRect();
      const frame = this.frame.getBoundingClientRect();
      const inside =
        box.left >= frame.left &&
        box.right <= frame.right &&
        box.top >= frame.top &&
        box.bottom <= frame.bottom;
      const rect = this.rects.get(at);
      if (!inside) this.lookAt(rect.mx, rect.my, this.view.getScale());
    }

    // The class that an arrow key leads to: along an order if there is one, else the nearest.
    next(at, key) {
      const here = this.rects.get(at);
      const others = Array.from(this.boxes.keys()).filter((each) => each !== at && this.seen(each));
      const across = key === "ArrowLeft" || key === "ArrowRight";
      const sign = key === "ArrowRight" || key === "ArrowDown" ? 1 : -1;
      const ahead = others.filter((each) => {
        const { mx, my } = this.rects.get(each);
        return sign * (across ? mx - here.mx : my - here.my) > 1;
      });
      const joined = new Set();
      for (const order of this.graph.orders) {
        if (order.held === at) joined.add(order.taken);
        if (order.taken === at) joined.add(order.held);
      }
      const near = across ? ahead.filter((each) => joined.has(each)) : [];
      const far = (each) => {
        const { mx, my } = this.rects.get(each);
        const [along, beside] = across ? [mx - here.mx, my - here.my] : [my - here.my, mx - here.mx];
        return Math.abs(along) + 3 * Math.abs(beside);
      };
      const among = near.length ? near : ahead;
      return among.reduce((best, each) => (best === null || far(each) < far(best) ? each : best), null);
    }
  }

  // What a filter leaves: sets of classes and orders, and those that it asked for by name.
  function filtered(graph, asked) {
    const named = (at) => {
      const name = graph.classes[at].name.toLowerCase();
      return asked.words.some((word) => name.includes(word));
    };
    const all = graph.classes.map((_, at) => at);
    const matched = new Set(asked.words.length ? all.filter(named) : all);
    const wanted = (order) =>
      (!asked.cycles || order.cycles.length > 0) &&
      (!asked.readers || !order.shared) &&
      (!asked.changed || order.change || graph.classes[order.held].change || graph.classes[order.taken].change) &&
      (matched.has(order.held) || matched.has(order.taken));
    const fits = (at) => !asked.contended || graph.classes[at].contended > 0;
    let orders = graph.orders
      .map((order, at) => [at, order])
      .filter(([, order]) => wanted(order) && fits(order.held) && fits(order.taken));
    if (asked.around !== null) {
      const near = new Set([asked.around]);
      for (let step = 0; step < asked.depth; step += 1) {
        for (const at of orders
          .filter(([, order]) => near.has(order.held) || near.has(order.taken))
          .flatMap(([, order]) => [order.held, order.taken])) {
          near.add(at);
        }
      }
      orders = orders.filter(([, order]) => near.has(order.held) && near.has(order.taken));
    }
    const classes = new Set(orders.flatMap(([, order]) => [order.held, order.taken]));
    if (!asked.cycles && !asked.changed) for (const at of matched) if (fits(at)) classes.add(at);
    if (asked.around !== null) {
      const ends = new Set(orders.flatMap(([, order]) => [order.held, order.taken]));
      for (const at of classes) if (!ends.has(at) && at !== asked.around) classes.delete(at);
    }
    return { classes, orders: new Set(orders.map(([at]) => at)), matched };
  }

  function start(section) {
    const place = section.querySelector("[data-lockgraph]");
    if (!place || !data.graph) return;
    const graph = data.graph;
    const one = (selector) => place.querySelector(selector);
    const pictures = Array.from(place.querySelectorAll(".lg-frame")).map(
      (frame) => new Picture(frame, graph),
    );
    const panel = one(".lg-panel");
    const field = one("[data-lg-text]");
    const around = one("[data-lg-around]");
    const only = Array.from(place.querySelectorAll("[data-lg-only]"));
    const said = one("[data-lg-said]");
    let chosen = null;
    let back = null; // where the keyboard was before the panel opened
    let told = null; // the class that the filter is around
    let left = { classes: null, orders: null, matched: null };

    function apply() {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      const asked = { words, around: around.value ? told : null, depth: Number(around.value) };
      for (const box of only) asked[box.dataset.lgOnly] = box.checked;
      left = filtered(graph, asked);
      for (const picture of pictures) {
        for (const [at, box] of picture.boxes) box.classList.toggle("lg-off", !left.classes.has(at));
        for (const list of [picture.orders, picture.labels, picture.hits]) {
          for (const [at, each] of list) each.classList.toggle("lg-off", !left.orders.has(at));
        }
        if (!picture.seen(picture.entered)) {
          const first = Array.from(picture.boxes.keys()).find((at) => picture.seen(at));
          picture.enter(first);
        }
      }
      const on = words.length || asked.around !== null || only.some((box) => box.checked);
      const drawn = new Set(pictures.flatMap((picture) => Array.from(picture.boxes.keys())));
      const count = Array.from(left.classes).filter((at) => drawn.has(at)).length;
      let text = on ? `${count} of ${drawn.size} classes, ${left.orders.size} of ${graph.orders.length} orders` : "";
      if (around.value && told === null) text = "choose a class first";
      said.textContent = text;
      mark();
    }

    // Marks what is chosen, and what has the name that was asked for; the rest steps back.
    function mark() {
      const classes = new Set();
      const orders = new Set();
      const near = new Set(); // what stays in sight beside a chosen class
      const besides = new Set();
      if (chosen && "class" in chosen) {
        classes.add(chosen.class);
        graph.orders.forEach((order, at) => {
          if (order.held !== chosen.class && order.taken !== chosen.class) return;
          besides.add(at);
          near.add(order.held).add(order.taken);
        });
      } else if (chosen && "order" in chosen) {
        orders.add(chosen.order);
      } else if (chosen) {
        for (const at of graph.cycles[chosen.cycle].classes) classes.add(at);
        for (const at of graph.cycles[chosen.cycle].orders) orders.add(at);
      }
      const byName = field.value.trim() !== "";
      for (const picture of pictures) {
        picture.svg.classList.toggle("lg-some", byName || (chosen !== null && !("order" in chosen)));
        const on = (each, yes, is) => {
          each.classList.toggle("lg-chosen", is);
          each.classList.toggle("lg-on", yes || is);
        };
        for (const [at, box] of picture.boxes) {
          on(box, near.has(at) || (byName && left.matched.has(at)), classes.has(at));
        }
        for (const list of [picture.orders, picture.labels]) {
          for (const [at, each] of list) on(each, byName || besides.has(at), orders.has(at));
        }
      }
    }

    function choose(thing) {
      chosen = thing;
      if ("class" in thing) told = thing.class;
      panel.hidden = false;
      one(".lg-stage").classList.add("lg-told");
      const content = html`<${components.lockgraphPanel} thing=${thing} choose=${chooseAgain} close=${close} />`;
      render(content, panel);
      panel.scrollTop = 0;
      if ("class" in thing && around.value) apply();
      else mark();
      if ("class" in thing) for (const each of pictures) if (each.seen(thing.class)) each.enter(thing.class);
    }

    function chooseAgain(thing) {
      choose(thing);
      panel.querySelector("[data-lg-close]").focus();
    }

    function close() {
      const inPanel = panel.contains(document.activeElement);
      chosen = null;
      render(null, panel);
      panel.hidden = true;
      one(".lg-stage").classList.remove("lg-told");
      mark();
      if (inPanel && back) back.focus({ preventScroll: true });
      back = null;
    }

    function zoom(how) {
      for (const picture of pictures) {
        if (how === "fit") picture.fit();
        else if (how === "full") picture.view.zoom(1);
        else if (how === "in") picture.view.zoomIn();
        else picture.view.zoomOut();
      }
    }

    const KEYS = { "+": "in", "=": "in", "-": "out", 0: "fit" };

    function pressed(picture, event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const box = event.target.closest("[data-class]");
      const at = box && Number(box.dataset.class);
      if (event.key in KEYS) zoom(KEYS[event.key]);
      else if (box && (event.key === "Enter" || event.key === " ")) {
        choose({ class: at });
        back = box;
        panel.querySelector("[data-lg-close]").focus();
      } else if (box && event.key.startsWith("Arrow")) {
        const next = picture.next(at, event.key);
        if (next !== null) picture.goTo(next);
      } else return;
      event.preventDefault();
      event.stopPropagation();
    }

    pictures.forEach((picture) => {
      let from = null;
      picture.frame.addEventListener("keydown", (event) => pressed(picture, event));
      picture.frame.addEventListener("pointerdown", (event) => (from = event), true);
      picture.frame.addEventListener("click", (event) => {
        const far = from && Math.hypot(event.clientX - from.clientX, event.clientY - from.clientY);
        if (far > MOVED) return;
        const box = event.target.closest("[data-class]");
        if (box) choose({ class: Number(box.dataset.class) });
        else if (event.target.dataset.hit) choose({ order: Number(event.target.dataset.hit) });
        else return;
        back = box || picture.boxes.get(picture.entered);
        if (box) box.focus({ preventScroll: true });
      });
      picture.frame.addEventListener(
        "wheel",
        (event) => {
          if (event.ctrlKey) picture.view.zoomWithWheel(event);
        },
        { passive: false },
      );
      picture.svg.addEventListener("panzoomchange", () => {
        for (const other of pictures) if (other !== picture) other.lookLike(picture);
      });
    });

    place.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !chosen) return;
      close();
      event.preventDefault();
      event.stopPropagation();
    });
    field.addEventListener("input", apply);
    around.addEventListener("change", apply);
    for (const box of only) box.addEventListener("change", apply);
    place.addEventListener("click", (event) => {
      const button = event.target.closest("[data-lg-zoom]");
      if (button) zoom(button.dataset.lgZoom);
    });
    section.addEventListener("click", (event) => {
      const button = event.target.closest("[data-cycle]");
      if (!button) return;
      const cycle = Number(button.dataset.cycle);
      choose({ cycle });
      back = button;
      for (const picture of pictures) picture.show(graph.cycles[cycle].classes);
      place.scrollIntoView({ block: "nearest" });
    });
    apply();
  }

  components.lockgraph = start;
})();
