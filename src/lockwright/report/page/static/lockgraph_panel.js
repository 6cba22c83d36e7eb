// What is known of a class, an order or a cycle of the lock graph, told in the panel beside it.
(function () {
  "use strict";
  const { html, data, components } = window.lockwright;
  const graph = data.graph;
  const SOURCES_SHOWN = 4;
  const WAYS_SHOWN = 6;
  const MEASURES = { lockdep: "/proc/lockdep", write: "lock_stat, writers", read: "lock_stat, readers" };
  const CHANGES = { new: "only in the new one", gone: "only in the old one", changed: "other kinds" };

  const nameOf = (at) => graph.classes[at].name;
  const orderName = (order) => `${nameOf(order.held)} → ${nameOf(order.taken)}`;

  function Button({ thing, choose, children }) {
    return html`<li><button type="button" onClick=${() => choose(thing)}>${children}</button></li>`;
  }

  function Orders({ title, orders, choose }) {
    if (!orders.length) return null;
    return html`<h5>${title}</h5>
      <ul>
        ${orders.map(
          ([at, text]) => html`<${Button} thing=${{ order: at }} choose=${choose}>
            ${text} <small>${graph.orders[at].kinds}</small>
          <//>`,
        )}
      </ul>`;
  }

  function Cycles({ numbers, choose }) {
    if (!numbers.length) return null;
    return html`<h5>On cycles</h5>
      <ul>
        ${numbers.map(
          (number) => html`<${Button} thing=${{ cycle: number - 1 }} choose=${choose}>
            cycle ${number}: ${graph.cycles[number - 1].said}
          <//>`,
        )}
      </ul>`;
  }

  function Measure({ measure }) {
    const values = measure.values.map(([name, value]) => `${name} ${value}`).join(", ");
    return html`<h5>${MEASURES[measure.what] || measure.what}, ${measure.source}</h5>
      <p>${values}</p>
      ${measure.points.length > 0 &&
      html`<pre>${measure.points.map(([side, count, at]) => `${count} ${side} ${at}`).join("\n")}</pre>`}`;
  }

  function Class({ at, choose }) {
    const known = graph.classes[at];
    const entries = graph.orders.map((order, number) => [number, order]);
    const after = entries.filter(([, order]) => order.held === at);
    const before = entries.filter(([, order]) => order.taken === at);
    const numbers = new Set(after.flatMap(([, order]) => order.cycles));
    return html`${known.change && html`<p>${CHANGES[known.change]}</p>`}
      ${known.state && html`<p>usage and wait types ${known.state}</p>`}
      ${known.contended !== null && html`<p>contentions ${known.contended}</p>`}
      <${Cycles} numbers=${Array.from(numbers)} choose=${choose} />
      <${Orders}
        title="Taken with it held"
        orders=${after.map(([number, order]) => [number, nameOf(order.taken)])}
        choose=${choose}
      />
      <${Orders}
        title="Held when it is taken"
        orders=${before.map(([number, order]) => [number, nameOf(order.held)])}
        choose=${choose}
      />
      ${known.measures.map((measure) => html`<${Measure} measure=${measure} />`)}`;
  }

  function Way({ way: [kind, sources, frames] }) {
    const shown = sources.slice(0, SOURCES_SHOWN).map((at) => graph.sources[at]);
    const more = sources.length - shown.length;
    return html`<h5>${kind} in ${shown.join(", ")}${more > 0 && ` and ${more} more`}</h5>
      ${frames.length > 0
        ? html`<pre>${frames.map((at) => graph.frames[at]).join("\n")}</pre>`
        : html`<p>no call chain</p>`}`;
  }

  function Order({ at, choose }) {
    const order = graph.orders[at];
    const more = order.ways.length - WAYS_SHOWN;
    return html`<p>${order.kinds}${order.shared && ", by readers only"}</p>
      ${order.change && html`<p>${CHANGES[order.change]}</p>`}
      <ul>
        <${Button} thing=${{ class: order.held }} choose=${choose}>held: ${nameOf(order.held)}<//>
        <${Button} thing=${{ class: order.taken }} choose=${choose}>taken: ${nameOf(order.taken)}<//>
      </ul>
      <${Cycles} numbers=${order.cycles} choose=${choose} />
      ${order.ways.slice(0, WAYS_SHOWN).map((way) => html`<${Way} way=${way} />`)}
      ${more > 0 && html`<p>and ${more} more call chains</p>`}`;
  }

  function Cycle({ at, choose }) {
    const orders = graph.cycles[at].orders;
    return html`<p>${graph.cycles[at].said}</p>
      <${Orders}
        title="Its orders"
        orders=${orders.map((each) => [each, orderName(graph.orders[each])])}
        choose=${choose}
      />`;
  }

  components.lockgraphName = function (thing) {
    if ("class" in thing) return nameOf(thing.class);
    if ("order" in thing) return orderName(graph.orders[thing.order]);
    return `Cycle ${thing.cycle + 1}`;
  };

  components.lockgraphPanel = function ({ thing, choose, close }) {
    const what = Object.keys(thing)[0];
    const body = { class: Class, order: Order, cycle: Cycle }[what];
    return html`<header>
        <h4>${components.lockgraphName(thing)}</h4>
        <button type="button" data-lg-close aria-label="Close" onClick=${close}>✕</button>
      </header>
      <${body} at=${thing[what]} choose=${choose} key=${`${what}${thing[what]}`} />`;
  };
})();
