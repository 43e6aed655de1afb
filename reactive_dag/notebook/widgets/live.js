// The live view: what the newest frame says, drawn at most once a screen refresh; publish and start.

class Live {
  constructor(model, root) {
    this.model = model;
    this.root = root;
    this.page = Math.random().toString(36).slice(2);
    this.number = 0;
    this.drawn = 0;
    this.listeners = [["change:base", () => this.build()], ["change:frame", () => this.later()]];
    for (const [name, act] of this.listeners) model.on(name, act);
    put(root, h("div", { class: "rd-quiet", role: "status" }, "The engine is looked at …"));
    if (Object.keys(model.get("base") || {}).length) this.build();
    model.send({ do: "look", page: this.page });
  }

  dispose() {
    for (const [name, act] of this.listeners) this.model.off(name, act);
    this.model.send({ do: "leave", page: this.page });
  }

  /** Frames that come while one is drawn are left out, but for the newest. */
  later() {
    if (this.waits) return;
    this.waits = requestAnimationFrame(() => { this.waits = 0; this.draw(); });
  }

  build() {
    const base = this.base = this.model.get("base");
    this.glyphs = this.model.get("glyphs");
    this.marks = this.model.get("marks");
    this.clock = new Clock(0, base.zone);
    this.seconds = new Intl.DateTimeFormat("sv-SE", { timeZone: base.zone, hourCycle: "h23", hour: "2-digit", minute: "2-digit", second: "2-digit" });
    this.graph = new GraphView(base.layout, `Graph of ${base.graph}, with the states of its runs`, (node) => this.chosen(node));
    this.graph.element.style.height = `${Math.min(Math.max(base.layout.height + 18, 90), 420)}px`;
    this.status = h("span", { class: "rdw-status rd-quiet", role: "status" });
    this.notices = h("div", { class: "rdw-notices", role: "log", "aria-label": "What was published and started" });
    this.pending = h("div", { class: "rdw-pending" });
    this.records = h("div", { class: "rdw-records" });
    this.acts = h("div", { class: "rdw-acts" }, this.form("publish", "Publish", "dataset", base.datasets), this.form("start", "Start", "DAG", base.dags));
    put(this.root, h("div", { class: "rdw-head" }, h("span", { class: "rd-title" }, `Engine: ${base.graph}`), h("span", { class: "rd-quiet" }, ` · times in ${base.zone}`), this.status),
      h("div", { class: "rdw-live" },
        h("div", { class: "rdw-right" }, section("Graph", [this.legend(), h("span", { class: "rdw-tools" }, this.graph.tools)], this.graph.element),
          section("Last records", null, this.records)),
        h("div", { class: "rdw-left" }, base.read_only ? h("div", { class: "rd-quiet" }, "read only: it looks, and records nothing") : this.acts, this.notices, section("What triggers hold", null, this.pending))));
    this.draw();
  }

  legend() {
    return h("span", { class: "rdw-legend rd-quiet" }, ["running", "queued", "success", "failed"].map((state) => h("span", {}, glyph(this.glyphs, state), state)));
  }

  form(act, title, label, names) {
    const what = h("select", { "aria-label": `${label} to ${act}`, ...KEYS }, names.map((name) => h("option", { value: name }, name)));
    const partition = h("input", { type: "text", placeholder: "partition", "aria-label": `Partition to ${act}`, ...KEYS });
    const data = h("input", { type: "text", placeholder: act === "publish" ? "extra, as JSON" : "params, as JSON", "aria-label": act === "publish" ? "Extra data as JSON" : "Params as JSON", ...KEYS });
    const send = () => {
      this.number += 1;
      this.model.send({ do: act, page: this.page, number: this.number, what: what.value, partition: partition.value, data: data.value });
    };
    const key = (event) => { if (event.key === "Enter") send(); };
    for (const each of [partition, data]) each.addEventListener("keydown", key);
    this[act] = what;
    return h("div", { class: "rdw-controls", role: "group", "aria-label": title }, what, h("div", { class: "rdw-row" }, partition, data),
      h("button", { class: "rdw-button", onclick: send, disabled: !names.length, ...KEYS }, title));
  }

  chosen(node) {
    const list = node.kind === "dag" ? this.start : node.kind === "dataset" ? this.publish : null;
    if (list && [...list.options].some((option) => option.value === node.name)) list.value = node.name;
    this.graph.pick(node.id);
  }

  draw() {
    const frame = this.model.get("frame") || {};
    if (!this.base || !frame.number || !this.graph) return;
    this.status.textContent = frame.over ? "closed: this is how it was" : `${frame.records} records${frame.undecided ? `, ${frame.undecided} not decided yet: nobody drives the engine` : ""}`;
    for (const each of this.root.querySelectorAll(".rdw-acts button")) each.disabled = frame.over || !each.parentElement.querySelector("select").options.length;
    this.drawGraph(frame);
    this.drawRecords(frame);
    put(this.pending, frame.pending.length ? frame.pending.map(([dag, ...lines]) => h("div", { class: "rdw-held" }, h("div", { class: "rd-title" }, dag), lines.map((line) => h("div", { class: "rd-quiet" }, line)))) : h("span", { class: "rd-quiet" }, "nothing"));
    put(this.notices, frame.notices.map((each) => h("div", { class: each.error ? "rdw-alert" : "rdw-told", role: each.error ? "alert" : null }, each.text)));
    this.root.dataset.number = frame.number;
    this.drawn += 1;
  }

  drawGraph(frame) {
    const looks = new Map();
    for (const [dag, [queued, running, state]] of Object.entries(frame.dags)) {
      const shown = running ? "running" : queued ? "queued" : state;
      if (!shown) continue;
      const counts = [running && `${this.marks.running}${running > 1 ? running : ""}`, queued && `${this.marks.queued}${queued > 1 ? queued : ""}`, !running && !queued && this.marks[state]].filter(Boolean).join(" ");
      const words = [running && `${running} running`, queued && `${queued} queued`, state && `last one ${state}`].filter(Boolean).join(", ");
      looks.set(`dag ${dag}`, [`rdw-state rdw-c-${(this.glyphs[shown] || this.glyphs.none)[0]}`, counts, words]);
    }
    for (const [dataset, [count]] of Object.entries(frame.datasets)) looks.set(`dataset ${dataset}`, ["rdw-state rdw-c-green", String(count), `${count} events seen`]);
    this.graph.paint(looks);
  }

  drawRecords(frame) {
    if (!frame.last.length) { put(this.records, h("span", { class: "rd-quiet" }, "none since this view was opened")); return; }
    put(this.records, h("table", { class: "rd-table", "aria-label": "Last records" }, h("thead", {}, h("tr", {}, ["at", "what", "of"].map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, frame.last.map(([, at, state, text]) => h("tr", {}, h("td", {}, this.seconds.format(new Date(at))), h("td", {}, h("span", { class: "rd-state" }, glyph(this.glyphs, state), state)), h("td", { title: text }, short(text, 60)))))));
  }
}

export default {
  render({ model, el }) {
    const root = h("div", { class: "rd rdw" });
    el.append(root);
    const live = new Live(model, root);
    root.rd_live = live;
    return () => live.dispose();
  },
};
