// Lets a reader pan, zoom, search, open groups and focus. The picture is whole without it. Each picture on a page is
// found by its class and begun once; it keeps nothing outside its own element, so it goes when its cell runs again.
(() => {
  const HEAD = 34, STUB = 8, MARGIN = 12, FEW = 20, CORNER = 6, TIP = 7, NAMESPACE = "http://www.w3.org/2000/svg";
  const SCALES = [0.1, 0.15, 0.25, 0.35, 0.5, 0.7, 0.85, 1, 1.25, 1.5, 2, 3];

  const made = (name, attributes = {}, text = "") => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.textContent = text;
    return element;
  };
  const toward = (at, other, by) => {
    const length = Math.max(Math.abs(other[0] - at[0]), Math.abs(other[1] - at[1]));
    const share = length ? Math.min(by, length / 2) / length : 0;
    return [at[0] + (other[0] - at[0]) * share, at[1] + (other[1] - at[1]) * share];
  };
  const lineOf = given => {
    const points = [...given.slice(0, -1), toward(given.at(-1), given.at(-2), TIP)];
    let path = `M${points[0]}`;
    for (let n = 1; n + 1 !== points.length; n += 1)
      path += `L${toward(points[n], points[n - 1], CORNER)}Q${points[n]} ${toward(points[n], points[n + 1], CORNER)}`;
    return `${path}L${points.at(-1)}`;
  };
  const tipOf = points => {
    const [x, y] = points.at(-1), [left, top] = toward(points.at(-1), points.at(-2), TIP);
    const across = (x - left) / 2, along = (y - top) / 2;
    return `M${[x, y]}L${[left - along, top + across]}L${[left + along, top - across]}Z`;
  };
  const begin = picture => {
    const svg = picture.querySelector(".rd-scroll svg"), scroll = picture.querySelector(".rd-scroll");
    const layer = name => svg.querySelector(`:scope > .${name}`);
    const frames = layer("rd-frames"), lines = layer("rd-edges"), boxes = layer("rd-boxes");

    // ------------------------------------------------------------------------------------------ what there is
    const readNode = element => {
      const [x, y, width, height] = element.dataset.box.split(" ").map(Number);
      return {element, id: element.dataset.id, row: element.dataset.row, x, y, width, height};
    };
    const readEdge = element => ({
      element, source: element.dataset.source, target: element.dataset.target,
      points: element.dataset.way.split(" ").map(point => point.split(",").map(Number)),
    });
    const insides = new Map();
    for (const each of svg.querySelectorAll(":scope > .rd-inside")) {
      const [width, height] = each.dataset.size.split(" ").map(Number);
      insides.set(each.dataset.of, {
        element: each, width, height, nodes: [...each.querySelectorAll(".rd-node")].map(readNode),
        edges: [...each.querySelectorAll(".rd-edge")].map(readEdge),
      });
    }
    const base = {
      nodes: [...svg.querySelectorAll(":scope > g:not(.rd-inside) > .rd-node")].map(readNode),
      edges: [...svg.querySelectorAll(":scope > g:not(.rd-inside) > .rd-edge:not(.rd-joint)")].map(readEdge),
    };
    const groupOf = new Map(), every = new Map(), links = [], names = [];
    for (const node of base.nodes) every.set(node.id, node);
    for (const [group, inside] of insides)
      for (const node of inside.nodes) { groupOf.set(node.id, group); every.set(node.id, node); }
    for (const id of every.keys())
      if (!id.startsWith("group ") && !id.startsWith("port ")) names.push(id);
    if (picture.dataset.links) {
      const {ids, pairs} = JSON.parse(picture.dataset.links);
      for (const [a, b] of pairs) links.push([ids[a], ids[b]]);
    } else for (const edge of base.edges) links.push([edge.source, edge.target]);
    const open = new Set(JSON.parse(picture.dataset.open || "[]"));
    let scale = 1, size = [svg.width.baseVal.value, svg.height.baseVal.value], focus = null, found = [], here = -1;

    // ------------------------------------------------------------------------------------------ where it stands
    const draw = (edge, points) => {
      edge.element.querySelector(".rd-line").setAttribute("d", lineOf(points));
      edge.element.querySelector(".rd-tip")?.setAttribute("d", tipOf(points));
    };
    const place = (node, x, y) => node.element.setAttribute("transform", `translate(${x} ${y})`);
    const round = value => Math.round(value * 10) / 10;
    const arrange = () => {
      const nodes = new Map(base.nodes.map(node => [node.id, {...node}]));
      let edges = base.edges.map(edge => ({...edge, points: edge.points.map(point => [...point])}));
      for (const id of base.nodes.map(node => node.id).filter(each => open.has(each))) {
        const group = nodes.get(id), inside = insides.get(id);
        const right = group.x + group.width, bottom = group.y + group.height;
        const wider = Math.max(0, inside.width - group.width);
        const higher = Math.max(0, inside.height + HEAD - group.height);
        for (const node of nodes.values()) if (node.id !== id) {
          if (node.y + node.height / 2 >= bottom) node.y += higher;
          if (node.x >= right && node.row === group.row) node.x += wider;
        }
        group.width += wider;
        group.height += higher;
        for (const edge of edges) {
          const beside = nodes.get(edge.source).row === group.row;
          for (const point of edge.points) {
            if (beside && point[0] >= right) point[0] += wider;
            if (point[1] >= bottom) point[1] += higher;
          }
          const ends = [[edge.points[0], edge.points[1], edge.source], [edge.points.at(-1), edge.points.at(-2), edge.target]];
          for (const [at, next, name] of ends) {
            const node = nodes.get(name);
            if (at[1] === next[1]) at[0] = node.x + (next[0] > node.x + node.width / 2 ? node.width : 0);
          }
        }
      }
      picture.querySelectorAll(".rd-edge.rd-joint").forEach(each => each.remove());
      let right = 0, bottom = 0;
      for (const node of nodes.values()) {
        place(node, round(node.x), round(node.y));
        right = Math.max(right, node.x + node.width);
        bottom = Math.max(bottom, node.y + node.height);
        if (insides.has(node.id)) arrangeGroup(node, edges);
      }
      for (const edge of edges) {
        draw(edge, edge.points.map(point => point.map(round)));
        for (const [x, y] of edge.points) { right = Math.max(right, x); bottom = Math.max(bottom, y); }
      }
      size = [right + MARGIN, bottom + MARGIN];
      resize();
    };
    const arrangeGroup = (group, edges) => {
      const inside = insides.get(group.id), shown = open.has(group.id);
      group.element.classList.toggle("rd-open", shown);
      group.element.setAttribute("aria-expanded", shown);
      const box = group.element.querySelector("rect");
      box.setAttribute("width", group.width);
      box.setAttribute("height", group.height);
      (shown ? frames : boxes).append(group.element);
      inside.element.style.display = shown ? "inline" : "none";
      inside.element.setAttribute("transform", `translate(${round(group.x)} ${round(group.y + HEAD)})`);
      if (!shown) return;
      for (const edge of inside.edges) draw(edge, edge.points);
      for (const edge of edges) for (const way of ["in", "out"]) {
        const end = way === "in" ? edge.target : edge.source, at = way === "in" ? edge.points.at(-1) : edge.points[0];
        const port = inside.nodes.find(node => node.id === `port ${way} ${group.id.slice(6)}`);
        if (end !== group.id || !port) continue;
        const to = [group.x + port.x, group.y + HEAD + port.y + port.height / 2];
        const turn = at[0] > group.x + 1 ? group.x + group.width - STUB : group.x + STUB;
        const element = document.createElementNS(NAMESPACE, "g"), path = document.createElementNS(NAMESPACE, "path");
        element.setAttribute("class", "rd-edge rd-joint");
        element.dataset.source = edge.source;
        element.dataset.target = edge.target;
        path.setAttribute("class", "rd-line");
        const points = [at, [turn, at[1]], [turn, to[1]], to].map(point => point.map(round));
        path.setAttribute("d", lineOf(way === "in" ? points : points.reverse()));
        element.append(path);
        lines.append(element);
      }
    };
    const resize = () => {
      svg.setAttribute("viewBox", `0 0 ${size[0]} ${size[1]}`);
      svg.setAttribute("width", size[0] * scale);
      svg.setAttribute("height", size[1] * scale);
    };
    const zoomTo = (next, x = scroll.clientWidth / 2, y = scroll.clientHeight / 2) => {
      const ratio = next / scale, left = (scroll.scrollLeft + x) * ratio - x, top = (scroll.scrollTop + y) * ratio - y;
      scale = next;
      resize();
      scroll.scrollTo(left, top);
      percent.textContent = `${Math.round(scale * 100)} %`;
    };
    const step = by => {
      const at = by > 0 ? SCALES.find(each => each > scale + 0.001) : SCALES.findLast(each => scale - 0.001 > each);
      zoomTo(at ?? scale);
    };
    const fit = () => {
      const share = Math.min((scroll.clientWidth - 2) / size[0], (parseFloat(getComputedStyle(scroll).maxHeight) - 2) / size[1]);
      zoomTo(Math.min(1, share));
    };

    // ------------------------------------------------------------------------------------------ focus, search
    const toggle = id => {
      const before = every.get(id).element.getBoundingClientRect();
      if (!open.delete(id)) open.add(id);
      arrange();
      light();
      const after = every.get(id).element.getBoundingClientRect();
      scroll.scrollBy(after.left - before.left, after.top - before.top);
    };
    const near = start => {
      const seen = new Set([start]), passed = new Set();
      for (const [from, to] of [[0, 1], [1, 0]]) {
        const ways = new Map();
        for (const link of links) (ways.get(link[from]) ?? ways.set(link[from], []).get(link[from])).push(link);
        const reached = new Set([start]);
        let wave = [start];
        for (let hop = 0; wave.length && hop !== Number(hops.value); hop += 1) {
          const further = [], todo = [...wave];
          while (todo.length) for (const link of ways.get(todo.pop()) ?? []) {
            passed.add(link);
            if (reached.has(link[to])) continue;
            reached.add(link[to]);
            seen.add(link[to]);
            (link[to].startsWith("dag ") ? further : todo).push(link[to]);
          }
          wave = further;
        }
      }
      return {seen, ways: drawnAs(passed)};
    };
    const drawnAs = passed => {
      const ways = new Set();
      for (const [a, b] of passed) {
        const out = groupOf.get(a), into = groupOf.get(b);
        for (const one of [a, out]) for (const other of [b, into]) ways.add(`${one}\n${other}`);
        if (out && out !== into) ways.add(`${a}\nport out ${out.slice(6)}`);
        if (into && out !== into) ways.add(`port in ${into.slice(6)}\n${b}`);
      }
      return ways;
    };
    const light = () => {
      const lit = focus && near(focus);
      const isLit = id => !lit || lit.seen.has(id) || (insides.has(id) && insides.get(id).nodes.some(node => lit.seen.has(node.id)));
      for (const node of every.values()) {
        node.element.classList.toggle("rd-far", !node.id.startsWith("port ") && !isLit(node.id));
        node.element.classList.toggle("rd-focus", node.id === focus);
      }
      for (const each of svg.querySelectorAll(".rd-edge")) {
        const shown = lit && lit.ways.has(`${each.dataset.source}\n${each.dataset.target}`);
        each.classList.toggle("rd-lit", Boolean(shown));
        each.classList.toggle("rd-far", Boolean(lit && !shown));
      }
      if (!lit) return;
      const dags = [...lit.seen].filter(id => id.startsWith("dag ") && id !== focus).length;
      said.textContent = `${focus.slice(focus.indexOf(" ") + 1)}: ${dags} ${dags === 1 ? "DAG" : "DAGs"} up- and downstream`;
    };
    const focusOn = id => {
      focus = focus === id ? null : id;
      said.textContent = "";
      light();
    };
    const show = id => {
      const group = groupOf.get(id);
      if (group && !open.has(group)) { open.add(group); arrange(); light(); }
      const at = every.get(id).element.getBoundingClientRect(), window_ = scroll.getBoundingClientRect();
      scroll.scrollBy(
        at.left + at.width / 2 - window_.left - window_.width / 2, at.top + at.height / 2 - window_.top - window_.height / 2);
    };
    const look = () => {
      const words = search.value.trim().toLowerCase();
      found = words ? names.filter(id => id.slice(id.indexOf(" ") + 1).toLowerCase().includes(words)) : [];
      here = -1;
      const groups = new Set(found.map(id => groupOf.get(id)));
      for (const node of every.values()) {
        node.element.classList.toggle("rd-found", found.includes(node.id) || groups.has(node.id));
        node.element.classList.remove("rd-here");
      }
      said.textContent = words ? `${found.length} found` : "";
    };
    const next = by => {
      if (!found.length) return;
      if (here >= 0) every.get(found[here]).element.classList.remove("rd-here");
      here = (here + by + found.length) % found.length;
      show(found[here]);
      every.get(found[here]).element.classList.add("rd-here");
      said.textContent = `${here + 1} of ${found.length}: ${found[here].slice(found[here].indexOf(" ") + 1)}`;
    };

    // ------------------------------------------------------------------------------------------ what a reader has
    const tools = made("div", {class: "rd-tools"});
    const said = made("span", {class: "rd-said", role: "status", "aria-live": "polite"});
    const search = made("input", {
      type: "search", placeholder: "Search", "aria-label": "Search names; Enter shows the next", "data-lm-suppress-shortcuts": "true",
    });
    const hops = made("select", {"aria-label": "How far a focus reaches", title: "How far a focus reaches", "data-lm-suppress-shortcuts": "true"});
    for (const [value, text] of [["-1", "all hops"], ["1", "1 hop"], ["2", "2 hops"], ["3", "3 hops"]])
      hops.append(made("option", {value}, text));
    const button = (text, label, does) => {
      const element = made("button", {type: "button", "aria-label": label, title: label}, text);
      element.addEventListener("click", does);
      return element;
    };
    const percent = button("100 %", "At its own size", () => zoomTo(1));
    const all = insides.size ? [button("Open all", "Open or close all groups", () => {
      const some = [...insides.keys()].some(id => !open.has(id));
      for (const id of insides.keys()) if (some) open.add(id); else open.delete(id);
      all[0].textContent = some ? "Close all" : "Open all";
      arrange();
      light();
    })] : [];
    tools.append(search, hops, ...all, button("−", "Smaller", () => step(-1)), percent,
      button("+", "Larger", () => step(1)), button("Fit", "All of it", fit));
    if (every.size > FEW) picture.querySelector(".rd-head").append(tools);
    picture.querySelector(".rd-legend").append(said);
    search.addEventListener("input", look);
    hops.addEventListener("change", light);
    picture.addEventListener("keydown", event => {
      if (event.target === search && event.key === "Enter") { next(event.shiftKey ? -1 : 1); event.preventDefault(); }
      if (event.key === "Escape") { search.value = ""; look(); focus = null; said.textContent = ""; light(); }
      const node = event.target.closest?.(".rd-is-group");
      if (node && (event.key === "Enter" || event.key === " ")) { toggle(node.dataset.id); event.preventDefault(); }
      event.stopPropagation();
    });

    let from = null, moved = false;
    scroll.addEventListener("pointerdown", event => {
      if (event.button === 0) from = [event.clientX, event.clientY, scroll.scrollLeft, scroll.scrollTop];
      moved = false;
    });
    scroll.addEventListener("pointermove", event => {
      if (!from || !(event.buttons & 1)) { from = null; return; }
      const left = event.clientX - from[0], top = event.clientY - from[1];
      if (!moved && Math.abs(left) + Math.abs(top) > 4) {
        moved = true;
        scroll.setPointerCapture(event.pointerId);
        scroll.classList.add("rd-panning");
      }
      if (moved) scroll.scrollTo(from[2] - left, from[3] - top);
    });
    scroll.addEventListener("pointerup", () => { from = null; scroll.classList.remove("rd-panning"); });
    scroll.addEventListener("click", event => {
      if (moved) return;
      const node = event.target.closest(".rd-node");
      if (!node) focusOn(focus);
      else if (insides.has(node.dataset.id)) toggle(node.dataset.id);
      else focusOn(node.dataset.id);
    });
    scroll.addEventListener("wheel", event => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const window_ = scroll.getBoundingClientRect(), least = SCALES[0], most = SCALES.at(-1);
      const wanted = Math.min(most, Math.max(least, scale * Math.exp(-event.deltaY / 300)));
      zoomTo(wanted, event.clientX - window_.left, event.clientY - window_.top);
    }, {passive: false});

    if (insides.size) svg.setAttribute("role", "group");
    for (const node of every.values()) if (insides.has(node.id)) {
      node.element.setAttribute("tabindex", "0");
      node.element.setAttribute("role", "button");
      node.element.setAttribute("aria-label", node.element.querySelector("title").textContent);
      node.element.setAttribute("aria-expanded", open.has(node.id));
    }
    if (open.size) arrange();
    const first = base.nodes.filter(node => node.row === "0" && 2 * MARGIN > node.x);
    if (first.length) scroll.scrollTop = first[0].y + first[0].height / 2 - scroll.clientHeight / 2;
    picture.classList.add("rd-live");
  };
  for (const picture of document.querySelectorAll(".rd-graph:not(.rd-live)")) begin(picture);
})();
