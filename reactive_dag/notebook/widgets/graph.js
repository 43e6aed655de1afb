// A graph whose layout the kernel made: nodes that can be painted anew many times a second, zoom, and a pick by click.

const ZOOMS = [0.25, 0.35, 0.5, 0.7, 1, 1.4, 2];

class GraphView {
  constructor(layout, label, onPick) {
    this.layout = layout;
    this.nodes = new Map();
    this.edges = [];
    this.painted = new Map();
    this.zoom = 1;
    this.svg = s("svg", { role: "img", "aria-label": label, viewBox: `0 0 ${layout.width} ${layout.height}` },
      layout.edges.map((edge) => this.edge(edge)), layout.nodes.map((node) => this.node(node, onPick)));
    this.scroller = h("div", { class: "rdw-scroll", tabindex: "0", role: "region", "aria-label": `${label}; scrolls` }, this.svg);
    const button = (text, title, act) => h("button", { class: "rdw-small", title, "aria-label": title, onclick: act, ...KEYS }, text);
    this.tools = h("span", { class: "rdw-zoom" },
      button("−", "Zoom out", () => this.step(-1)), button("+", "Zoom in", () => this.step(1)),
      button("Fit", "Show the whole graph", () => this.fit()));
    this.element = this.scroller;
    this.resize();
  }

  edge(edge) {
    const points = edge.points.map((each) => each.join(" ")).join("L");
    const [x, y] = edge.points[edge.points.length - 1];
    const found = s("g", { class: "rdw-edge" }, s("path", { d: `M${points}`, fill: "none" }),
      s("path", { class: "rdw-tip", d: `M${x} ${y}l-6 -3.5v7z` }));
    this.edges.push([edge.source, edge.target, found]);
    return found;
  }

  node(node, onPick) {
    const badge = s("text", { class: "rdw-badge", x: node.x + node.width, y: node.y - 3, "text-anchor": "end" });
    const title = s("title", {}, `${node.kind} ${node.name}`);
    const found = s("g", { class: "rdw-node", onclick: () => onPick(node) }, title,
      s("rect", { x: node.x, y: node.y, width: node.width, height: node.height, rx: node.kind === "dataset" ? node.height / 2 : 4 }),
      s("text", { x: node.x + node.width / 2, y: node.y + node.height / 2 + 4, "text-anchor": "middle" }, node.label), badge);
    this.nodes.set(node.id, { group: found, badge, title, node });
    return found;
  }

  /** Gives nodes their class, badge and words: those that are not named are plain. Only what changed is touched. */
  paint(looks) {
    for (const [id, look] of looks) {
      const known = this.painted.get(id), found = this.nodes.get(id);
      if (!found || (known && known.join() === look.join())) continue;
      const [kind, badge, words] = look;
      found.group.setAttribute("class", `rdw-node ${kind}`);
      found.badge.textContent = badge;
      found.title.textContent = `${found.node.kind} ${found.node.name}${words ? `: ${words}` : ""}`;
    }
    for (const id of this.painted.keys()) if (!looks.has(id)) {
      const found = this.nodes.get(id);
      if (!found) continue;
      found.group.setAttribute("class", "rdw-node");
      found.badge.textContent = "";
      found.title.textContent = `${found.node.kind} ${found.node.name}`;
    }
    for (const [source, target, edge] of this.edges)
      edge.classList.toggle("rdw-on", looks.has(source) && looks.has(target));
    this.painted = looks;
  }

  step(by) {
    const at = ZOOMS.findIndex((each) => each >= this.zoom - 0.001);
    const base = at < 0 ? ZOOMS.length - 1 : at;
    this.zoomTo(ZOOMS[Math.min(Math.max(base + by, 0), ZOOMS.length - 1)]);
  }

  /** Shows the whole graph, or where that would be too small to read as much as can be read. */
  fit(least = 0) {
    const { clientWidth, clientHeight } = this.scroller;
    const whole = Math.min(clientWidth / this.layout.width, clientHeight / this.layout.height, 1) || 1;
    this.zoomTo(Math.max(whole, least));
  }

  zoomTo(zoom) {
    const { scrollLeft, scrollTop, clientWidth, clientHeight } = this.scroller;
    const x = (scrollLeft + clientWidth / 2) / this.zoom, y = (scrollTop + clientHeight / 2) / this.zoom;
    this.zoom = zoom;
    this.resize();
    this.scroller.scrollLeft = x * zoom - clientWidth / 2;
    this.scroller.scrollTop = y * zoom - clientHeight / 2;
  }

  resize() {
    this.svg.setAttribute("width", Math.round(this.layout.width * this.zoom));
    this.svg.setAttribute("height", Math.round(this.layout.height * this.zoom));
  }

  /** Scrolls so that a node is in the middle. */
  show(id) {
    const found = this.nodes.get(id);
    if (!found) return;
    const { x, y, width, height } = found.node;
    this.scroller.scrollLeft = (x + width / 2) * this.zoom - this.scroller.clientWidth / 2;
    this.scroller.scrollTop = (y + height / 2) * this.zoom - this.scroller.clientHeight / 2;
  }

  /** Marks one node as the one that is picked. */
  pick(id) {
    if (this.picked) this.picked.classList.remove("rdw-picked");
    const found = this.nodes.get(id);
    this.picked = found && found.group.querySelector("rect");
    if (this.picked) this.picked.classList.add("rdw-picked");
  }
}
