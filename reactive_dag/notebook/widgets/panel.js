// The what-if panel. The kernel works everything out; here it is drawn, and what is dragged is sent.

const STEPS = [[0, "rdw-early"], [900, "rdw-late1"], [3600, "rdw-late2"], [Infinity, "rdw-late3"]];
const MOST_ROWS = 24, HIGHEST = 300, TICK = 76;
const WORDS = {
  delay: ["Comes later by", (value) => (value ? span(value) : "on time")],
  times: ["Takes … times as long", (value) => `× ${value.toFixed(2)}`],
  fail: ["Each attempt fails", (value) => `${Math.round(value * 100)} %`],
  slots: ["Slots", (value) => String(value)],
  workers: ["Workers", (value) => (value === null ? "no limit" : String(value))],
};

function latenessClass(seconds) {
  if (seconds === null) return "rdw-never";
  if (seconds < 0) return "rdw-early";
  return STEPS.find(([limit]) => seconds <= limit)[1];
}

/** What was set, in words. */
function settingText([kind, [subjectKind, name, task], value]) {
  const about = subjectKind === "workers" ? "" : `${task ? `${name}.${task}` : name} `;
  const said = { delay: () => `${about}${span(value)} later`, times: () => `${about}× ${value.toFixed(2)} as long`,
    fail: () => `${about}fails ${Math.round(value * 100)} %`, slots: () => `${about}${value} slots`,
    workers: () => `${value} workers` };
  return said[kind]();
}

class Panel {
  constructor(model, root) {
    this.model = model;
    this.root = root;
    this.link = new Link(model, (busy) => this.setBusy(busy));
    this.picked = null;
    this.all = false;
    this.values = new Map();
    this.listeners = ["base", "near", "base_landing", "answer", "landing"].map((name) => {
      const act = () => this.changed(name);
      model.on(`change:${name}`, act);
      return [`change:${name}`, act];
    });
    this.wait = h("div", { class: "rd-quiet", role: "status" }, "The base is worked out …");
    put(root, this.wait);
    if (this.filled("base")) this.build();
  }

  filled(name) { return Object.keys(this.model.get(name) || {}).length > 0; }

  dispose() { if (this.resized) this.resized.disconnect(); for (const [name, act] of this.listeners) this.model.off(name, act); }

  changed(name) {
    if (name === "base") this.build();
    else if (!this.base) return;
    else if (name === "answer") this.answered();
    else if (name === "near") this.showGraph();
    else this.drawLandings();
  }

  // ------------------------------------------------------------------------------------------ the frame

  build() {
    const base = this.base = this.model.get("base");
    this.glyphs = this.model.get("glyphs");
    this.clock = new Clock(base.start, base.zone);
    this.place = new Map(base.dags.map((id, at) => [id, at]));
    this.byDag = base.dags.map(() => []);
    base.runs.forEach((run, at) => this.byDag[run[0]].push(at));
    this.assumed = new Set();
    for (const [id, , tasks] of base.choices.dags)
      for (const [task, , assumed] of tasks) if (assumed) this.assumed.add(`${id}.${task}`).add(id);
    this.status = h("span", { class: "rdw-status rd-quiet", role: "status" });
    this.alert = h("div", { class: "rdw-alert", role: "alert", hidden: true });
    const button = (name, act, title) => h("button", { class: "rdw-button", onclick: act, title, ...KEYS }, name);
    this.undo = button("Undo", () => this.send("undo"), "Take the last step back");
    this.redo = button("Redo", () => this.send("redo"), "Take the step again");
    this.reset = button("Reset", () => this.send("reset"), "Back to the base");
    this.keepName = h("input", { class: "rdw-name", type: "text", placeholder: "scenario name", "aria-label": "Name of the scenario to keep", ...KEYS });
    this.keep = button("Keep", () => { this.send("keep", { name: this.keepName.value }); this.keepName.value = ""; }, "Keep this scenario beside the others");
    this.copy = button("Copy as code", () => this.copyCode(), "Copy the Python of this scenario");
    const head = h("div", { class: "rdw-head" },
      h("span", { class: "rd-title" }, `What if: ${base.graph}`), h("span", { class: "rd-quiet" }, ` · ${this.clock.whole(0)}, times in ${base.zone}`),
      this.status, h("span", { class: "rdw-actions" }, this.undo, this.redo, this.reset, this.keepName, this.keep, this.copy));
    this.chips = h("div", { class: "rdw-chips", "aria-label": "What is set" });
    this.controls = h("div", { class: "rdw-controls" });
    const left = h("div", { class: "rdw-left" }, this.picker(), this.controls,
      h("div", { class: "rd-title" }, "Set"), this.chips, base.assumed && h("div", { class: "rd-quiet rdw-note" }, `~ ${base.assumed}`));
    this.code = h("pre", { class: "rdw-code", tabindex: "0", "aria-label": "The Python of this scenario" });
    this.gantt = h("div", { class: "rdw-gantt" });
    this.landings = h("div", { class: "rdw-landings" });
    this.changes = h("div", { class: "rdw-changes", tabindex: "0", role: "region", "aria-label": "What changed; scrolls" });
    this.changesTitle = h("span", { class: "rd-quiet" });
    this.kept = h("div", { class: "rdw-kept" });
    this.landingTitle = h("span", { class: "rd-quiet" });
    this.progress = h("progress", { max: "1", value: 1, "aria-label": "Futures done", hidden: true });
    const everything = h("input", { type: "checkbox", ...KEYS, onchange: (event) => { this.all = event.target.checked; this.drawGantt(); } });
    const right = h("div", { class: "rdw-right" },
      this.graphSection(),
      section("Gantt", h("label", { class: "rd-quiet rdw-check" }, everything, " all DAGs"), this.gantt),
      section("Landing times", [this.landingTitle, this.progress], this.landings),
      section("What changed", this.changesTitle, this.changes),
      section("Scenarios side by side", null, this.kept),
      section("As code", null, this.code));
    put(this.root, head, this.alert, h("div", { class: "rdw-body" }, left, right));
    this.pick(this.firstSubject());
    this.resized = new ResizeObserver(() => {
      if (Math.abs((this.width || 0) - this.gantt.clientWidth) < 2 || !this.answer) return;
      this.width = this.gantt.clientWidth;
      this.drawGantt();
      this.drawLandings();
    });
    this.resized.observe(this.gantt);
    if (this.filled("answer")) this.answered();
    else this.send("look");
  }

  graphSection() {
    this.graphBox = h("div", {});
    this.tools = h("span", {});
    this.wholeGraph = !this.base.folds;
    const whole = this.base.folds && h("label", { class: "rd-quiet rdw-check" }, h("input", { type: "checkbox", ...KEYS,
      onchange: (event) => { this.wholeGraph = event.target.checked; this.showGraph(); } }), " whole graph");
    const legend = h("span", { class: "rdw-legend rd-quiet" },
      [["rdw-early", "earlier"], ["rdw-late1", "≤ 15m late"], ["rdw-late2", "≤ 1h"], ["rdw-late3", "> 1h"], ["rdw-never", "never"]]
        .map(([kind, text]) => h("span", {}, s("svg", { class: `rdw-key ${kind}`, viewBox: "0 0 14 10", "aria-hidden": "true" }, s("rect", { x: 0.75, y: 0.75, width: 12.5, height: 8.5, rx: 2 })), text)));
    return section("Graph", [legend, h("span", { class: "rdw-tools" }, whole, this.tools)], this.graphBox);
  }

  /** The whole graph, or of a large one what is near the thing that is picked. */
  showGraph() {
    const near = this.model.get("near") || {};
    const layout = this.wholeGraph || !near.nodes ? this.base.layout : near;
    if (!this.graph || this.graph.layout !== layout) {
      this.graph = new GraphView(layout, `Graph of ${this.base.graph}, coloured by lateness`, (node) => {
        if (node.kind === "dag" && this.place.has(node.name)) this.pick(["dag", node.name, ""]);
      });
      this.graph.element.style.height = `${Math.min(Math.max(layout.height + 18, 90), HIGHEST)}px`;
      put(this.graphBox, this.graph.element);
      put(this.tools, this.graph.tools);
      if (!this.wholeGraph) this.graph.fit(0.7);
      this.drawGraph();
    }
    if (this.picked) {
      const id = `${this.picked[0] === "task" ? "dag" : this.picked[0]} ${this.picked[1]}`;
      this.graph.pick(id);
      this.graph.show(id);
    }
  }

  // ------------------------------------------------------------------------------------------ what is picked

  firstSubject() {
    const settings = (this.model.get("answer") || {}).settings || [];
    if (settings.length) return settings[settings.length - 1][1];
    const busiest = this.base.choices.dags.find(([, ran]) => ran) || this.base.choices.dags[0];
    return busiest ? ["dag", busiest[0], ""] : ["workers", "", ""];
  }

  picker() {
    const { dags, datasets, pools } = this.base.choices;
    const all = [...dags.filter(([, ran]) => ran).map(([id]) => ["dag", id, ""]), ...datasets.map((id) => ["dataset", id, ""]),
      ...pools.map(([id]) => ["pool", id, ""]), ["workers", "", ""]];
    this.list = h("select", { size: 7, class: "rdw-list", "aria-label": "DAGs, datasets, pools and workers", ...KEYS,
      onchange: () => this.pick(this.shown[this.list.selectedIndex]) });
    this.search = h("input", { type: "search", class: "rdw-search", placeholder: `Search ${all.length} DAGs, datasets, pools`, "aria-label": "Search what to change", ...KEYS, oninput: () => fill() });
    const fill = () => {
      const wanted = this.search.value.toLowerCase();
      this.shown = all.filter(([kind, name]) => `${kind} ${name}`.toLowerCase().includes(wanted));
      put(this.list, this.shown.map(([kind, name]) => h("option", { title: name || kind }, kind === "dag" ? name : `${kind} ${name}`.trim())));
      this.markPicked();
    };
    fill();
    return h("div", { class: "rdw-picker" }, this.search, this.list);
  }

  markPicked() {
    if (!this.picked) return;
    this.list.selectedIndex = this.shown.findIndex(([kind, name]) => name === this.picked[1] && (kind === this.picked[0] || this.picked[0] === "task"));
  }

  pick(subject) {
    if (!subject) return;
    this.picked = subject;
    this.markPicked();
    const chosen = this.list.options[this.list.selectedIndex];
    if (chosen && chosen.scrollIntoViewIfNeeded) chosen.scrollIntoViewIfNeeded(false);
    this.drawControls();
    this.showGraph();
    if (this.base.folds && ["dag", "task", "dataset"].includes(subject[0]) && (this.model.get("near") || {}).of !== subject[1]) this.send("look", { name: subject[1] });
    if (this.answer) { this.drawGantt(); this.drawLandings(); }
  }

  /** The controls of what is picked: [kind, subject, [least, most, step, usual]]. */
  controlsOf([kind, name, task]) {
    const { controls, dags, pools, workers } = this.base.choices;
    if (kind === "dataset") return [["delay", [kind, name, ""], controls.delay]];
    if (kind === "workers") return [["workers", [kind, "", ""], [...controls.workers.slice(0, 3), workers]]];
    if (kind === "pool") {
      const [, slots, least, most] = pools.find(([id]) => id === name);
      return [["slots", [kind, name, ""], [least, most, 1, slots]]];
    }
    const tasks = dags.find(([id]) => id === name)[2];
    const working = tasks.filter(([, works]) => works);
    const [, works] = tasks.find(([id]) => id === task) || [];
    const about = [task ? "task" : "dag", name, task];
    const found = [["delay", about, controls.delay]];
    if (task ? works : working.length) found.push(["times", about, controls.times]);
    if (task ? works : working.length === 1) found.push(["fail", ["task", name, task || working[0][0]], controls.fail]);
    return found;
  }

  drawControls() {
    const [kind, name, task] = this.picked;
    const dag = kind === "dag" || kind === "task" ? this.base.choices.dags.find(([id]) => id === name) : null;
    const mark = this.assumed.has(task ? `${name}.${task}` : name) ? h("span", { class: "rd-quiet", title: "How long it takes is assumed" }, " ~ assumed") : null;
    const title = h("div", { class: "rdw-subject" }, h("span", { class: "rd-title", title: name || kind }, short(name || "Workers", 38)), dag && mark);
    const choice = dag && dag[2].length > 1 && h("label", { class: "rdw-field" }, "Task", h("select", { ...KEYS,
      onchange: (event) => this.pick(event.target.value ? ["task", name, event.target.value] : ["dag", name, ""]) },
      h("option", { value: "" }, "the whole DAG"), dag[2].map(([id, works]) => h("option", { value: id, selected: id === task }, works ? id : `${id} (wait)`))));
    this.sliders = this.controlsOf(this.picked).map((each) => this.slider(...each));
    put(this.controls, title, choice, this.sliders.map((each) => each.element));
    this.setSliders();
  }

  slider(kind, subject, [least, most, step, usual]) {
    const [label, shown] = WORDS[kind];
    const about = `${kind} ${subject.join(" ")}`;
    const output = h("output", { class: "rdw-value" });
    const input = h("input", { type: "range", min: least, max: most, step, "aria-label": `${label} ${subject[2] ? `${subject[1]}.${subject[2]}` : subject[1]}`.trim(), ...KEYS });
    let gesture = "";
    const set = (value, once) => {
      gesture = once ? "" : gesture || `${Math.random()}`;
      this.values.set(about, value);
      show(value);
      this.link.send({ do: "choose", kind, subject, value, gesture, about });
    };
    const show = (value) => {
      if (value !== null) input.value = value;
      output.textContent = shown(value);
      input.setAttribute("aria-valuetext", shown(value));
      back.disabled = value === usual;
    };
    const back = h("button", { class: "rdw-small", title: "Back to what it was", "aria-label": `${label}: back to what it was`, ...KEYS,
      onclick: () => { this.values.set(about, usual); this.unset(kind, subject); } }, "↺");
    input.addEventListener("input", () => set(Number(input.value), false));
    // A drag ends when the pointer is let go; keys come one by one: what they do until the slider is left is one step.
    for (const end of ["pointerdown", "pointerup", "blur"]) input.addEventListener(end, () => { gesture = ""; });
    const element = h("div", { class: "rdw-slider" }, h("div", { class: "rdw-line" }, h("span", {}, label), output, back), input);
    return { element, about, usual, show, input };
  }

  /** Back to what it was. */
  unset(kind, subject) { this.send("unset", { kind, subject }); }

  /** Shows what is set, but for what is dragged just now. */
  setSliders() {
    const settings = new Map(((this.answer || {}).settings || []).map(([kind, subject, value]) => [`${kind} ${subject.join(" ")}`, value]));
    for (const slider of this.sliders || []) {
      const waits = this.link.under_way || this.link.waiting.length;
      const value = waits && this.values.has(slider.about) ? this.values.get(slider.about) : settings.has(slider.about) ? settings.get(slider.about) : slider.usual;
      if (!waits) this.values.delete(slider.about);
      slider.show(value);
    }
  }

  // ------------------------------------------------------------------------------------------ answers

  send(act, more = {}) { this.link.send({ do: act, ...more }); }

  setBusy(busy) {
    if (busy) this.status.textContent = "the kernel is busy; the newest values are asked when it is free";
    else if (this.answer && this.answer.took_ms !== undefined) this.status.textContent = `answered in ${Math.round(this.answer.took_ms)} ms`;
  }

  answered() {
    const answer = this.model.get("answer");
    this.alert.hidden = !answer.error;
    this.alert.textContent = answer.error || "";
    this.answer = answer.changes ? answer : { ...this.answer, ...answer };
    this.undo.disabled = !answer.can_undo;
    this.redo.disabled = !answer.can_redo;
    this.reset.disabled = !answer.settings.length;
    this.code.textContent = answer.code;
    this.drawChips();
    if (answer.changes) {
      this.drawGraph();
      this.drawGantt();
      this.drawChanges();
    }
    this.drawLandings();
    this.drawKept();
    this.link.heard(answer.heard);
    this.setSliders();
    this.setBusy(false);
    this.root.dataset.number = answer.number;
  }

  drawChips() {
    const chips = this.answer.settings.map((setting) => {
      const [kind, subject] = setting, text = settingText(setting);
      return h("span", { class: "rdw-chip" },
        h("button", { class: "rdw-chip-text", title: "Show its controls", ...KEYS, onclick: () => this.pick(subject) }, text),
        h("button", { class: "rdw-chip-off", "aria-label": `Take away: ${text}`, title: "Take it away", ...KEYS,
          onclick: () => this.unset(kind, subject) }, "✕"));
    });
    put(this.chips, chips.length ? chips : h("span", { class: "rd-quiet" }, "nothing: this is the base"));
  }

  drawGraph() {
    if (!this.graph || !this.answer || !this.answer.late) return;
    const looks = new Map();
    for (const [place, late] of Object.entries(this.answer.late)) {
      const badge = late === null ? "never" : signed(late);
      looks.set(`dag ${this.base.dags[place]}`, [latenessClass(late), badge, late === null ? "does not end with success" : late < 0 ? `${span(-late)} earlier` : `${span(late)} later`]);
    }
    this.graph.paint(looks);
  }

  // ------------------------------------------------------------------------------------------ Gantt

  /** Each row: the place of its DAG; those that moved, and what is picked, in the order in which they begin. */
  rows() {
    const { late, moved, extra, gone } = this.answer;
    const found = new Set(Object.keys(late).map(Number));
    for (const at of [...Object.keys(moved).map(Number), ...gone]) found.add(this.base.runs[at][0]);
    for (const bar of extra) found.add(bar[0]);
    const picked = this.place.get(this.picked && (this.picked[0] === "dag" || this.picked[0] === "task") ? this.picked[1] : "");
    if (picked !== undefined) found.add(picked);
    if (this.all || (found.size <= 1 && !this.answer.settings.length)) this.byDag.forEach((runs, place) => runs.length && found.add(place));
    const first = (place) => (this.byDag[place].length ? this.base.runs[this.byDag[place][0]][2] : 0);
    return [...found].sort((a, b) => (b === picked) - (a === picked) || first(a) - first(b) || a - b);
  }

  drawGantt() {
    if (!this.answer || !this.answer.moved) return;
    const { moved, extra, gone, late, missed } = this.answer, base = this.base;
    const all = this.rows(), rows = this.all ? all : all.slice(0, MOST_ROWS);
    let [from, to] = [Infinity, base.until];
    const bars = rows.map((place) => this.byDag[place].map((at) => [base.runs[at].slice(2), moved[at] || (gone.includes(at) ? null : base.runs[at].slice(2)), at]));
    for (const row of bars) for (const [was, is] of row) for (const bar of [was, is]) if (bar) { from = Math.min(from, bar[0]); to = Math.max(to, bar[1] || 0); }
    for (const bar of extra) to = Math.max(to, bar[4 - 1] || 0);
    if (from === Infinity) from = 0;
    from = Math.min(from, 0);
    const width = this.chartWidth(64), ROW = 18, top = 18, height = top + rows.length * ROW + 4;
    const x = (at) => ((at - from) / (to - from || 1)) * width;
    const gone_on = (bar) => (bar[1] === null ? to : bar[1]);
    const ticks = this.clock.ticks(from, to, width / TICK).map(([at, text]) => [
      s("line", { x1: x(at), x2: x(at), y1: top, y2: height, class: "rdw-grid" }),
      s("text", { x: Math.min(Math.max(x(at), 14), width - 16), y: 12, "text-anchor": "middle", class: "rdw-tick" }, text)]);
    const due = new Map(Object.entries(base.due).map(([at, when]) => [Number(at), when]));
    const drawn = rows.map((place, n) => {
      const y = top + n * ROW;
      const kind = place in late ? latenessClass(late[place]) : "rdw-same";
      return bars[n].map(([was, is, at]) => {
        const title = `${base.dags[place]} ${base.runs[at][1]}: was ${this.barText(was)}${is && is.join() !== was.join() ? `, is ${this.barText(is)}` : is ? "" : ", does not run"}`;
        return [s("g", {}, s("title", {}, title),
          s("rect", { class: "rdw-was", x: x(was[0]), y: y + 3, width: Math.max(x(gone_on(was)) - x(was[0]), 1.5), height: ROW - 6, rx: 2 }),
          is && s("rect", { class: `rdw-is ${is.join() === was.join() ? "rdw-same" : kind}${is[2] !== "success" ? " rdw-bad" : ""}`, x: x(is[0]), y: y + 6, width: Math.max(x(gone_on(is)) - x(is[0]), 1.5), height: ROW - 12, rx: 1.5 }),
          due.has(at) && due.get(at) <= to && s("path", { class: missed.includes(at) ? "rdw-missed" : "rdw-due", d: `M${x(due.get(at))} ${y + 1}v${ROW - 2}` }))];
      }).concat(extra.filter((bar) => bar[0] === place).map((bar) => s("g", {}, s("title", {}, `${base.dags[place]} ${bar[1]}: extra run, ${this.barText(bar.slice(2))}`),
        s("rect", { class: "rdw-is rdw-extra", x: x(bar[2]), y: y + 6, width: Math.max(x(gone_on(bar.slice(2))) - x(bar[2]), 1.5), height: ROW - 12, rx: 1.5 }))));
    });
    const names = rows.map((place) => {
      const id = base.dags[place], is_picked = this.picked && this.picked[1] === id;
      return h("button", { class: `rdw-rowname${is_picked ? " rdw-this" : ""}`, title: id, ...KEYS, onclick: () => this.pick(["dag", id, ""]) },
        this.assumed.has(id) ? "~ " : "", short(id, this.most));
    });
    const lates = rows.map((place) => h("span", { class: `rdw-rowlate ${place in late ? latenessClass(late[place]) : ""}` }, place in late ? (late[place] === null ? "never" : signed(late[place])) : ""));
    const svg = s("svg", { role: "img", class: "rdw-bars", viewBox: `0 0 ${width} ${height}`, width, height, "aria-label": `Gantt chart of ${rows.length} DAGs, the base behind` }, ticks, drawn);
    const more = all.length > rows.length ? h("div", { class: "rd-quiet rdw-more" }, `… and ${all.length - rows.length} more DAGs: tick “all DAGs”`) : null;
    fill(this.gantt, names, svg, lates, more);
  }

  /** How wide a chart may be between the names and the numbers beside it. */
  chartWidth(beside) {
    this.width = this.width || this.gantt.clientWidth;  // to ask again and again would lay the page out each time
    const names = this.width < 560 ? 118 : 200;
    this.most = this.width < 560 ? 17 : 29;
    this.root.style.setProperty("--rdw-names", `${names}px`);
    return Math.max(this.width - names - beside - 40, 120);
  }

  barText([begin, end, state]) {
    return `${this.clock.text(begin)} to ${end === null ? "no end" : this.clock.text(end)}${state === "success" ? "" : ` ${state}`}`;
  }

  // ------------------------------------------------------------------------------------------ landing times

  drawLandings() {
    const base = this.model.get("base_landing") || {}, answer = this.answer || {};
    if (!base.rows) { put(this.landings, h("span", { class: "rd-quiet" }, "The futures of the base are played …")); return; }
    const now = answer.landing || this.model.get("landing") || {};
    const fresh = answer.settings && answer.settings.length && now.answer === answer.number;
    const was = new Map(base.rows.map((row) => [row[0], row]));
    const is = new Map((fresh ? now.rows : []).map((row) => [row[0], row]));
    const wanted = new Set([...base.rows.filter((row) => row[5] !== null).map((row) => row[0]), ...is.keys()]);
    const picked = this.place.get(this.picked && this.picked[1]);
    if (was.has(picked)) wanted.add(picked);
    const state = fresh ? now : base;
    const waits = answer.settings && answer.settings.length && !fresh;
    this.landingTitle.textContent = waits ? `0 of ${base.asked} futures` : state.n < state.asked ? `${state.n} of ${state.asked} futures` : `over ${state.asked} futures: 5 to 95 %, with the median`;
    this.progress.hidden = !waits && state.n >= state.asked;
    this.progress.value = waits ? 0 : state.n / state.asked;
    const rows = [...wanted].sort((a, b) => (was.get(a)[2] ?? Infinity) - (was.get(b)[2] ?? Infinity)).slice(0, MOST_ROWS);
    const times = rows.flatMap((place) => [was.get(place), is.get(place)]).filter(Boolean).flatMap((row) => [row[1], row[2], row[3], row[5]]).filter((each) => each !== null);
    if (!times.length) { put(this.landings, h("span", { class: "rd-quiet" }, "no DAG of these lands")); return; }
    const pad = Math.max((Math.max(...times) - Math.min(...times)) * 0.04, 300), from = Math.min(...times) - pad, to = Math.max(...times) + pad;
    const beside = !Object.keys(this.base.due).length ? 104 : this.width < 560 ? 110 : 216;
    this.root.style.setProperty("--rdw-texts", `${beside}px`);
    const width = this.chartWidth(beside), ROW = 22, top = 18, height = top + rows.length * ROW;
    const x = (at) => ((at - from) / (to - from)) * width;
    const end = (at) => (at === null ? width : x(at));
    const ticks = this.clock.ticks(from, to, width / TICK).map(([at, text]) => [s("line", { x1: x(at), x2: x(at), y1: top, y2: height, class: "rdw-grid" }),
      s("text", { x: Math.min(Math.max(x(at), 14), width - 16), y: 12, "text-anchor": "middle", class: "rdw-tick" }, text)]);
    const mark = (row, y, kind) => row[1] === null ? null : s("g", { class: kind }, s("title", {}, this.landingText(row)),
      s("line", { x1: x(row[1]), x2: end(row[3]), y1: y, y2: y }), row[2] !== null && s("rect", { x: x(row[2]) - 1.5, y: y - 4, width: 3, height: 8, stroke: "none" }));
    const drawn = rows.map((place, n) => {
      const y = top + n * ROW + ROW / 2, here = is.get(place) || (fresh ? null : undefined);
      const due = was.get(place)[5];
      return [mark(was.get(place), here ? y - 4 : y, here ? "rdw-land-was" : "rdw-land-base"), here && mark(here, y + 4, "rdw-land-is"),
        due !== null && s("path", { class: "rdw-due", d: `M${x(due)} ${y - 9}v18` }, s("title", {}, `deadline ${this.clock.text(due)}`))];
    });
    const names = rows.map((place) => h("button", { class: "rdw-rowname", title: this.base.dags[place], ...KEYS, onclick: () => this.pick(["dag", this.base.dags[place], ""]) }, this.assumed.has(this.base.dags[place]) ? "~ " : "", short(this.base.dags[place], this.most)));
    const texts = rows.map((place) => h("span", { class: "rdw-landtext", "data-dag": this.base.dags[place] }, this.chanceText(was.get(place), is.get(place))));
    const svg = s("svg", { role: "img", class: "rdw-bars", viewBox: `0 0 ${width} ${height}`, width, height, "aria-label": `Landing times of ${rows.length} DAGs, against their deadlines` }, ticks, drawn);
    fill(this.landings, names, svg, texts, null);
  }

  landingText(row) {
    const text = (at) => (at === null ? "never" : this.clock.text(at));
    return `${this.base.dags[row[0]]}: 5 % by ${text(row[1])}, 50 % by ${text(row[2])}, 95 % by ${text(row[3])}`;
  }

  chanceText(was, is) {
    const per = (share) => `${(share * 100).toFixed(share > 0.995 && share < 1 ? 1 : 0)} %`;
    const row = is || was, time = (at) => (at === null ? "never" : this.clock.time(at));
    const median = is && is[2] !== was[2] ? `${time(was[2])} → ${time(is[2])}` : time(row[2]);
    if (row[5] !== null) return `${median} · in time ${is && is[6] !== was[6] ? `${per(was[6])} → ${per(is[6])}` : per(row[6])}`;
    return `${median}${row[4] < 1 ? ` · lands ${per(row[4])}` : ""}`;
  }

  // ------------------------------------------------------------------------------------------ tables

  drawChanges() {
    const { changes, count, unchanged, counts, missed } = this.answer;
    const kinds = Object.entries(counts).map(([kind, number]) => `${number} ${kind === "state" ? "ending otherwise" : kind}`);
    const late = Object.keys(this.base.due).length ? [`${missed.length} of ${Object.keys(this.base.due).length} deadlines missed`] : [];
    this.changesTitle.textContent = [...kinds, `${unchanged} runs unchanged`, ...late].join(", ");
    if (!changes.length) { put(this.changes, h("span", { class: "rd-quiet" }, "no run ends otherwise than in the base")); return; }
    const columns = ["DAG", "date", "was", "is", "by", "why"];
    const end = (state, at) => state === null ? "–" : state === "success" ? this.clock.text(at) : [glyph(this.glyphs, state), at === null ? state : `${this.clock.text(at)} ${state}`];
    const rows = changes.map(([dag, date, before, was, after, is, by, why, kind]) => h("tr", {},
      h("td", { title: dag }, short(dag, 34)), h("td", {}, date), h("td", {}, end(before, was)), h("td", {}, end(after, is)),
      h("td", { class: "rd-right" }, by === null ? kind : signed(by)), h("td", { class: "rdw-why", title: why }, h("div", {}, why))));
    put(this.changes, h("table", { class: "rd-table", "aria-label": "What changed" },
      h("thead", {}, h("tr", {}, columns.map((name, n) => h("th", { scope: "col", class: n === 4 ? "rd-right" : null }, name)))), h("tbody", {}, rows)),
      count > changes.length && h("div", { class: "rd-quiet" }, `… and ${count - changes.length} more: panel.simulation.compare() has them all`));
  }

  drawKept() {
    const { kept, settings, name } = this.answer, base = this.base;
    const dues = Object.keys(base.due).length > 0;
    const columns = ["scenario", "what", "runs changed", "latest by", dues && "deadlines missed", "all is over", ""].filter((each) => each !== false);
    const latest = (late) => { const found = Object.values(late || {}); return !found.length ? "" : found.includes(null) ? "never" : signed(Math.max(...found)); };
    const row = (title, what, each, acts) => h("tr", { class: title === "now" ? "rdw-now" : null }, h("td", {}, title), h("td", { class: "rdw-what" }, what), h("td", { class: "rd-right" }, each.count ?? ""),
      h("td", { class: "rd-right" }, latest(each.late)), dues && h("td", { class: "rd-right" }, each.missed ? String(each.missed.length) : ""), h("td", {}, each.over === undefined ? "" : this.clock.text(each.over)), h("td", {}, acts));
    const act = (text, title, does) => h("button", { class: "rdw-small", title, "aria-label": title, onclick: does, ...KEYS }, text);
    const rows = kept.map((each) => row(each.name, (each.settings || []).map(settingText).join(", ") || "the base", each,
      [act("Show", `Go to ${each.name}`, () => this.send("restore", { name: each.name })), act("✕", `Forget ${each.name}`, () => this.send("forget", { name: each.name }))]));
    const now = settings.length && !name ? [row("now", settings.map(settingText).join(", "), this.answer, null)] : [];
    put(this.kept, h("table", { class: "rd-table", "aria-label": "Scenarios side by side" }, h("thead", {}, h("tr", {}, columns.map((each, n) => h("th", { scope: "col", class: n > 1 && n < (dues ? 5 : 4) ? "rd-right" : null }, each)))),
      h("tbody", {}, row("base", "", { count: 0, late: {}, missed: this.baseMissed(), over: base.over }, null), rows, now)));
  }

  baseMissed() { return Object.entries(this.base.due).filter(([at, due]) => { const end = this.base.runs[at][3]; return end === null || end >= due || this.base.runs[at][4] !== "success"; }); }

  async copyCode() {
    const text = this.answer.code;
    try { await navigator.clipboard.writeText(text); this.copy.textContent = "Copied"; }
    catch {
      const range = document.createRange();
      range.selectNodeContents(this.code);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      this.copy.textContent = document.execCommand("copy") ? "Copied" : "Press Ctrl-C";
    }
    setTimeout(() => { this.copy.textContent = "Copy as code"; }, 1500);
  }
}

/** Puts names, a chart and numbers into the three columns of a box, which stay, and so does where it is scrolled to. */
function fill(box, names, chart, numbers, more) {
  if (!box.columns) box.columns = ["rdw-names", "rdw-chart", "rdw-lates", "rdw-more"].map((kind) => h("div", { class: kind }));
  if (box.firstChild !== box.columns[0]) put(box, box.columns);
  [names, chart, numbers, more].forEach((each, n) => put(box.columns[n], each));
}

export default {
  render({ model, el }) {
    const root = h("div", { class: "rd rdw" });
    el.append(root);
    const panel = new Panel(model, root);
    root.rd_panel = panel;
    return () => panel.dispose();
  },
};
