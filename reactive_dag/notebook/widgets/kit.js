// What the views have in common: elements that hold text as text, times in one zone, lengths of time, a link to the
// kernel on which at most one message is under way. Everything here is plain DOM; nothing asks the network.

const KEYS = { "data-lm-suppress-shortcuts": "true" };  // else Lab takes arrow keys and letters
const SVG = "http://www.w3.org/2000/svg";

/** An element; attributes that are null or false are left out, `on…` are listeners, children are nodes or text. */
function h(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** An SVG element. */
function s(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked" || key === "disabled") element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Puts children in the place of what an element has. */
function put(element, ...children) {
  element.replaceChildren(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
}

/** A length of time as short text: 5400 is "1h30m"; from ten minutes on it is rounded to minutes. */
function span(seconds) {
  const exact = Math.abs(seconds), whole = exact >= 600 ? Math.round(exact / 60) * 60 : Math.round(exact);
  if (whole === 0) return "0s";
  const parts = [[86400, "d"], [3600, "h"], [60, "m"], [1, "s"]];
  let rest = whole, text = "", count = 0;
  for (const [size, unit] of parts) {
    const number = Math.floor(rest / size);
    rest -= number * size;
    if (number && count < 2) { text += number + unit; count += 1; }
  }
  return (seconds < 0 ? "-" : "") + text;
}

/** A difference with its sign. */
function signed(seconds) {
  return seconds > 0 ? "+" + span(seconds) : span(seconds);
}

/** Instants as text in one zone; they are given in seconds since `start` (milliseconds since 1970). */
class Clock {
  constructor(start, zone) {
    this.start = start;
    this.zone = zone;
    const common = { timeZone: zone, hourCycle: "h23" };
    this.hour = new Intl.DateTimeFormat("sv-SE", { ...common, hour: "2-digit", minute: "2-digit" });
    this.days = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" });
  }

  date(seconds) { return new Date(this.start + seconds * 1000); }
  whole(seconds) { return this.days.format(this.date(seconds)); }
  day(seconds) { return this.whole(seconds).slice(5); }
  text(seconds) { return `${this.day(seconds)} ${this.time(seconds)}`; }
  time(seconds) { return this.hour.format(this.date(seconds)); }

  /** Some round instants between two, each with its text; a midnight has its day. */
  ticks(from, to, most) {
    const steps = [60, 300, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];
    const step = steps.find((each) => (to - from) / each <= most) || 604800 * Math.ceil((to - from) / 604800 / most);
    const found = [];
    const offset = this.offset(from);
    for (let at = Math.ceil((from + offset) / step) * step - offset; at <= to; at += step) {
      const text = this.time(at);
      found.push([at, step >= 86400 || text === "00:00" ? this.day(at) : text]);
    }
    return found;
  }

  /** What makes seconds since the start count from a midnight of the zone. */
  offset(seconds) {
    const [hours, minutes] = this.hour.format(this.date(seconds)).split(":").map(Number);
    return ((hours * 3600 + minutes * 60 - seconds) % 86400 + 86400) % 86400;
  }
}

/**
 * Messages to the kernel: one is under way at a time, and of those that wait only the newest of each kind stays, so
 * nothing queues up while somebody drags, whatever the kernel does.
 */
class Link {
  constructor(model, onWaiting) {
    this.model = model;
    this.page = Math.random().toString(36).slice(2);
    this.number = 0;
    this.under_way = 0;
    this.waiting = [];
    this.sent_at = new Map();
    this.round_trips = [];
    this.onWaiting = onWaiting;
  }

  /** Sends a message, or keeps it until the one before is answered; it takes the place of one with its `gesture`. */
  send(message) {
    if (message.gesture) this.waiting = this.waiting.filter((each) => each.gesture !== message.gesture || each.about !== message.about);
    this.waiting.push(message);
    this.next();
  }

  next() {
    if (this.under_way || !this.waiting.length) return;
    const message = this.waiting.shift();
    this.number += 1;
    this.under_way = this.number;
    this.sent_at.set(this.number, performance.now());
    this.model.send({ ...message, page: this.page, number: this.number });
    this.timer = setTimeout(() => this.under_way && this.onWaiting(true), 1000);
  }

  /** What the kernel has heard of each page; the next message goes out after what it answered is drawn. */
  heard(numbers) {
    const number = (numbers || {})[this.page] || 0;
    if (number < this.under_way || !this.under_way) return;
    this.round_trips.push(performance.now() - this.sent_at.get(this.under_way));
    if (this.round_trips.length > 500) this.round_trips.shift();
    this.sent_at.clear();
    this.under_way = 0;
    clearTimeout(this.timer);
    this.onWaiting(false);
    this.next();
  }
}

/** The shape of a state, which says nothing to a screen reader: its word stands beside it. */
function glyph(glyphs, state) {
  const [colour, shape, full] = glyphs[state] || glyphs.none;
  return s("svg", { class: `rd-glyph rd-${colour}`, viewBox: "0 0 12 12", "aria-hidden": "true" },
    full && s("path", { class: "rd-full", d: full, stroke: "none", fill: "currentColor" }), shape && s("path", { d: shape }));
}

/** A text, cut in its middle, with the whole in its title. */
function short(text, most) {
  if (text.length <= most) return text;
  const half = Math.floor((most - 1) / 2);
  return `${text.slice(0, half)}…${text.slice(text.length - (most - half - 1))}`;
}

/** A part of a view with its title. */
function section(title, beside, content) {
  return h("section", { class: "rdw-section", "aria-label": title }, h("div", { class: "rdw-title" }, h("span", { class: "rd-title" }, title), beside), content);
}
