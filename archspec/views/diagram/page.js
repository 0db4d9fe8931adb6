"use strict";
// Opens and closes blocks, and links the picture with the lines of the spec and of the source.
// Every scene was laid out with its blocks closed. Where a block is open, the scene is stretched: what lies beside,
// above and below is pushed apart, so that nothing changes its order and no two things meet.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { header, padding, bend, room } = data.layout;
  const svg = document.querySelector("#picture svg");
  const numbers = (text) => text.split(" ").map(Number);
  const children = (element, selector) => [...element.children].filter((child) => child.matches(selector));

  // The scenes, as they were laid out.

  function readScene(element) {
    const [width, height] = numbers(element.dataset.plan);
    const boxes = children(element, ".box").map(readBox);
    const byPath = new Map(boxes.map((box) => [box.path, box]));
    const wires = children(element, ".wire").map((path) => ({
      path,
      points: path.dataset.points.split(" ").map((point) => point.split(",").map(Number)),
      sides: path.dataset.sides.split(" "),
      source: byPath.get(path.dataset.source),
      target: byPath.get(path.dataset.target),
    }));
    const labels = children(element, ".label").map((label) => {
      const place = label.transform.baseVal[0].matrix;
      const wire = wires[Number(label.dataset.wire)];
      return { label, wire, ...nearest(wire.points, place.e, place.f) };
    });
    return { width, height, boxes, wires, labels };
  }

  // Where a label belongs to its wire: on which piece, how far along, and how far off.
  function nearest(points, x, y) {
    let best = { far: Infinity };
    for (let piece = 0; piece < points.length - 1; piece++) {
      const [[ax, ay], [bx, by]] = [points[piece], points[piece + 1]];
      const length = (bx - ax) ** 2 + (by - ay) ** 2 || 1;
      const along = Math.min(Math.max(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length, 0), 1);
      const [dx, dy] = [x - ax - along * (bx - ax), y - ay - along * (by - ay)];
      if (Math.hypot(dx, dy) < best.far) best = { far: Math.hypot(dx, dy), piece, along, dx, dy };
    }
    return best;
  }

  function readBox(element) {
    const [x, y, width, height, rank] = numbers(element.dataset.base);
    const box = { element, path: element.dataset.box, x, y, width, height, rank, entry: "entry" in element.dataset };
    [box.closed] = children(element, ".closed");
    [box.open] = children(element, ".open");
    if (box.open) {
      [box.leastWidth, box.below] = numbers(box.open.dataset.least);
      [box.body] = children(box.open, ".body");
      box.scene = readScene(box.body);
    }
    return box;
  }

  const root = readScene(document.getElementById("scene"));
  const boxes = new Map(); // by path
  const parents = new Map(); // from a path to the box around it
  (function collect(scene, around) {
    for (const box of scene.boxes) {
      boxes.set(box.path, box);
      parents.set(box.path, around);
      if (box.scene) collect(box.scene, box);
    }
  })(root, null);

  // Arranging: from the inside out.

  function arrange(scene, inner) {
    for (const box of scene.boxes) {
      box.now = { width: box.width, height: box.height };
      if (box.isOpen) {
        const size = arrange(box.scene, true);
        box.now.width = Math.max(size.width + 2 * padding, box.leastWidth);
        box.now.height = header + size.height + box.below;
        resize(box, size.width);
      }
    }
    const moveX = stretchAcross(scene);
    const moveY = stretchDown(scene);
    let width = moveX(scene.width);
    let shift = 0;
    const entries = inner ? scene.boxes.filter((box) => box.entry).map((box) => moveX(box.x + box.width / 2)) : [];
    if (entries.length) {
      const middle = entries.reduce((sum, x) => sum + x, 0) / entries.length;
      const half = Math.max(middle, width - middle);
      if (2 * half <= room * width) [shift, width] = [half - middle, 2 * half];
    }
    for (const box of scene.boxes) {
      box.now.x = moveX(box.x + box.width / 2) - box.now.width / 2 + shift;
      box.now.y = moveY.box(box);
      move(box.element, box.now.x, box.now.y);
    }
    for (const wire of scene.wires) drawWire(wire, (x) => moveX(x) + shift, moveY.point);
    for (const { label, wire, piece, along, dx, dy } of scene.labels) {
      const [[ax, ay], [bx, by]] = [wire.now[piece], wire.now[piece + 1]];
      move(label, ax + along * (bx - ax) + dx, ay + along * (by - ay) + dy);
    }
    return { width, height: moveY.point(scene.height + 1) - 1 };
  }

  const move = (element, x, y) => element.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);

  function resize(box, inside) {
    for (const frame of box.open.querySelectorAll(":scope > .frame, :scope > .row > .frame")) {
      frame.setAttribute("width", box.now.width);
      frame.setAttribute("height", box.now.height);
    }
    const badge = box.open.querySelector(":scope > .row > .badge");
    if (badge) move(badge, box.now.width - box.width, 0);
    move(box.body, (box.now.width - inside) / 2, header);
  }

  // A map of x that keeps the order of everything and gives each box its room on both sides of its middle.
  function stretchAcross(scene) {
    const from = [...new Set([0, scene.width, ...scene.boxes.flatMap(edgesOf)])].sort((a, b) => a - b);
    const to = [];
    const needs = new Map(from.map((x) => [x, []]));
    for (const box of scene.boxes) {
      const [left, middle, right] = edgesOf(box);
      needs.get(middle).push([left, box.now.width / 2]);
      needs.get(right).push([middle, box.now.width / 2]);
    }
    const places = new Map();
    from.forEach((x, i) => {
      let place = i ? to[i - 1] + x - from[i - 1] : x;
      for (const [other, distance] of needs.get(x)) place = Math.max(place, places.get(other) + distance);
      to.push(place);
      places.set(x, place);
    });
    return (x) => {
      let i = from.findIndex((other) => other >= x);
      if (i < 0) i = from.length - 1;
      const nearer = i > 0 && x - from[i - 1] < from[i] - x ? i - 1 : i;
      return to[nearer] + x - from[nearer];
    };
  }

  const edgesOf = (box) => [box.x, box.x + box.width / 2, box.x + box.width];

  // A map of y: each layer is as high as its highest box.
  function stretchDown(scene) {
    const layers = new Map();
    for (const box of scene.boxes) {
      const layer = layers.get(box.rank) ?? { top: Infinity, bottom: -Infinity, reach: -Infinity };
      layer.top = Math.min(layer.top, box.y);
      layer.bottom = Math.max(layer.bottom, box.y + box.height);
      layer.reach = Math.max(layer.reach, box.y + box.now.height);
      layers.set(box.rank, layer);
    }
    const grown = [...layers].map(([rank, { bottom, reach }]) => ({ rank, bottom, by: Math.max(0, reach - bottom) }));
    const sum = (kept) => grown.filter(kept).reduce((total, layer) => total + layer.by, 0);
    return {
      box: (box) => box.y + sum((layer) => layer.rank < box.rank),
      point: (y) => y + sum((layer) => y > layer.bottom + 0.5),
    };
  }

  // Wires follow the boxes at which they end.
  function drawWire(wire, moveX, moveY) {
    const points = wire.points.map(([x, y]) => [moveX(x), moveY(y)]);
    attach(wire, points, wire.source, 0, 1, wire.sides[0]);
    attach(wire, points, wire.target, points.length - 1, points.length - 2, wire.sides[1]);
    wire.now = points;
    wire.path.setAttribute("d", rounded(points));
  }

  function attach(wire, points, box, end, next, side) {
    const base = wire.points;
    const within = (value, low, length) => Math.min(Math.max(value, low + Math.min(6, length / 2)), low + length - Math.min(6, length / 2));
    const { x, y, width, height } = box.now;
    if (side === "left" || side === "right") {
      points[end] = [side === "left" ? x : x + width, within(y + base[end][1] - box.y, y, height)];
      if (base[end][1] === base[next][1]) points[next][1] = points[end][1];
    } else {
      points[end] = [within(points[end][0], x, width), side === "top" ? y : y + height];
      if (base[end][0] === base[next][0]) points[next][0] = points[end][0];
    }
  }

  function rounded(points) {
    const between = (a, b) => Math.abs(a[0] - b[0]) + Math.abs(a[1] - b[1]);
    const towards = (a, b, by) => [0, 1].map((i) => a[i] + ((b[i] - a[i]) * by) / (between(a, b) || 1));
    const show = (point) => point.map((value) => value.toFixed(1)).join(" ");
    let text = `M${show(points[0])}`;
    for (let i = 1; i < points.length - 1; i++) {
      const [before, corner, after] = points.slice(i - 1, i + 2);
      const radius = Math.min(bend, between(before, corner) / 2, between(corner, after) / 2);
      text += `L${show(towards(corner, before, radius))}Q${show(corner)} ${show(towards(corner, after, radius))}`;
    }
    return `${text}L${show(points.at(-1))}`;
  }

  // What is open.

  let zoom = 1;

  function setOpen(box, isOpen) {
    box.isOpen = isOpen;
    box.closed.toggleAttribute("display", false);
    if (isOpen) box.closed.setAttribute("display", "none");
    if (isOpen) box.open.removeAttribute("display");
    else box.open.setAttribute("display", "none");
    for (const row of rowsOf(box.path)) row.setAttribute("aria-expanded", String(isOpen));
  }

  function refresh() {
    const { width, height } = arrange(root, false);
    const [wide, high] = [width + 8, height + 8];
    svg.setAttribute("viewBox", `-1 -1 ${wide} ${high}`);
    svg.setAttribute("width", wide * zoom);
    svg.setAttribute("height", high * zoom);
  }

  function toggle(path) {
    const box = boxes.get(path);
    if (!box?.scene) return;
    const before = visibleRow(path).getBoundingClientRect();
    setOpen(box, !box.isOpen);
    refresh();
    const after = visibleRow(path).getBoundingClientRect(); // the block stays where it was on the screen
    const picture = document.getElementById("picture");
    picture.scrollBy(after.left + after.width / 2 - before.left - before.width / 2, after.top - before.top);
    focusRow(path);
  }

  function openTo(depth) {
    (function each(scene, level) {
      for (const box of scene.boxes) {
        if (!box.scene) continue;
        setOpen(box, level < depth);
        each(box.scene, level + 1);
      }
    })(root, 0);
    refresh();
  }

  function reveal(path) {
    let changed = false;
    for (let box = parents.get(boxOf(path)); box; box = parents.get(box.path)) {
      if (!box.isOpen) {
        setOpen(box, true);
        changed = true;
      }
    }
    if (changed) refresh();
  }

  // Rows: the steps in the picture.

  const elements = new Map(); // by path: a block has one row for when it is closed, and one for when it is open
  const owners = new Map(); // the box of each row
  for (const row of svg.querySelectorAll(".row")) {
    const path = row.dataset.row;
    elements.set(path, [...(elements.get(path) ?? []), row]);
    owners.set(path, row.closest(".box").dataset.box);
    row.setAttribute("role", "treeitem");
    row.setAttribute("aria-label", told(path).map((pair) => pair.filter(Boolean).join(" ")).join(", "));
    row.setAttribute("tabindex", "-1");
  }
  for (const [path, box] of boxes) {
    let level = 1;
    for (let around = parents.get(path); around; around = parents.get(around.path)) level++;
    for (const row of rowsOf(path)) {
      row.setAttribute("aria-level", String(level));
      if (box.scene) row.setAttribute("aria-expanded", "false");
    }
  }

  function rowsOf(path) {
    return elements.get(path) ?? [];
  }
  function boxOf(path) {
    return owners.get(path);
  }
  function told(path) {
    return data.rows[path].told;
  }
  const isVisible = (row) => row.getClientRects().length > 0;
  const visibleRow = (path) => rowsOf(path).find(isVisible);
  const visibleRows = () => [...svg.querySelectorAll(".row")].filter(isVisible);

  function focusRow(path) {
    for (const row of svg.querySelectorAll('.row[tabindex="0"]')) row.setAttribute("tabindex", "-1");
    const row = visibleRow(path);
    row?.setAttribute("tabindex", "0");
    row?.focus({ preventScroll: true });
  }

  // The lines of the spec and of the source.

  const lines = (pane) => [...document.querySelectorAll(`#${pane} .code div`)];
  const panes = { spec: lines("spec"), source: lines("source") };
  const bySpecLine = panes.spec.map(() => null); // the row with the fewest lines, of those that a line belongs to
  const bySourceLine = panes.source.map(() => null);
  for (const [path, row] of Object.entries(data.rows)) {
    if (row.told.length === 0) continue;
    link(bySpecLine, row.spec, path, "spec");
    link(bySourceLine, row.source, path, "source");
  }

  function link(table, places, path, kind) {
    for (const place of places) {
      const known = table[place];
      if (known === null || data.rows[known][kind].length > places.length) table[place] = path;
    }
  }

  for (const [pane, table] of [["spec", bySpecLine], ["source", bySourceLine]]) {
    panes[pane].forEach((line, place) => {
      if (table[place] === null) return;
      line.classList.add("linked");
      line.addEventListener("click", () => select(table[place], pane));
    });
    const code = document.querySelector(`#${pane} .code`);
    code.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const linked = panes[pane].map((_, place) => place).filter((place) => table[place] !== null);
      const now = linked.findIndex((place) => panes[pane][place].classList.contains("at"));
      const next = linked[Math.min(Math.max(now + step, 0), linked.length - 1)];
      if (next === undefined) return;
      for (const line of panes[pane]) line.classList.toggle("at", line === panes[pane][next]);
      select(table[next], pane);
    });
  }

  let selected = null;

  // Shows a step everywhere; `origin` is the pane that is left as it is: there the reader is looking.
  function select(path, origin) {
    reveal(path);
    selected = path;
    for (const row of svg.querySelectorAll(".row.on")) {
      row.classList.remove("on");
      row.removeAttribute("aria-selected");
    }
    for (const row of rowsOf(path)) {
      row.classList.add("on");
      row.setAttribute("aria-selected", "true");
    }
    document.getElementById("about").replaceChildren(describe(path)); // first, as it takes room from the panes
    for (const [pane, places] of [["spec", data.rows[path].spec], ["source", data.rows[path].source]]) {
      const on = new Set(places);
      panes[pane].forEach((line, place) => line.classList.toggle("on", on.has(place)));
      if (origin !== pane && places.length) show(panes[pane][places[0]]);
    }
    if (origin !== "picture") {
      const row = visibleRow(path);
      const bounds = row.getBoundingClientRect();
      const picture = document.getElementById("picture");
      const frame = picture.getBoundingClientRect();
      picture.scrollBy(
        bounds.left + Math.min(bounds.width, frame.width) / 2 - frame.left - frame.width / 2,
        bounds.top + Math.min(bounds.height, 80) / 2 - frame.top - frame.height / 2,
      );
      for (const other of svg.querySelectorAll('.row[tabindex="0"]')) other.setAttribute("tabindex", "-1");
      row.setAttribute("tabindex", "0");
    }
  }

  function show(line) {
    const code = line.parentElement;
    const offset = line.getBoundingClientRect().top - code.getBoundingClientRect().top;
    if (offset < 0 || offset > code.clientHeight - 40) code.scrollBy(0, offset - code.clientHeight / 3);
  }

  function describe(path) {
    const list = document.createElement("dl");
    for (const [name, text] of told(path)) {
      if (!name) {
        const title = document.createElement("strong");
        title.textContent = text;
        list.append(title);
        continue;
      }
      const [term, value] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = name;
      value.textContent = text;
      list.append(term, value);
    }
    return list;
  }

  // The pointer.

  const hover = document.getElementById("hover");
  svg.addEventListener("pointermove", (event) => {
    const row = event.target.closest?.(".row");
    hover.hidden = !row;
    if (!row) return;
    if (hover.dataset.row !== row.dataset.row) {
      hover.dataset.row = row.dataset.row;
      hover.replaceChildren(describe(row.dataset.row));
    }
    const left = Math.min(event.clientX + 16, innerWidth - hover.offsetWidth - 8);
    const top = Math.min(event.clientY + 16, innerHeight - hover.offsetHeight - 8);
    hover.style.left = `${Math.max(8, left)}px`;
    hover.style.top = `${Math.max(8, top)}px`;
  });
  svg.addEventListener("pointerleave", () => (hover.hidden = true));
  svg.addEventListener("click", (event) => {
    const row = event.target.closest(".row");
    if (!row) return;
    const path = row.dataset.row;
    const frame = row.querySelector(":scope > .frame"); // of an open block only the head is a button
    select(path, "picture");
    if (!frame || event.clientY - frame.getBoundingClientRect().top < header * zoom) toggle(path);
    focusRow(path);
  });

  // The keyboard.

  svg.addEventListener("keydown", (event) => {
    const row = event.target.closest?.(".row");
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const path = row.dataset.row;
    const rows = visibleRows();
    const at = rows.indexOf(row);
    const box = boxes.get(path);
    const go = (next) => {
      if (!next) return;
      select(next.dataset.row);
      focusRow(next.dataset.row);
    };
    const keys = {
      ArrowDown: () => go(rows[at + 1]),
      ArrowUp: () => go(rows[at - 1]),
      Home: () => go(rows[0]),
      End: () => go(rows.at(-1)),
      ArrowRight: () => (box?.scene && !box.isOpen ? toggle(path) : box?.scene && go(rows[at + 1])),
      ArrowLeft: () => {
        const around = parents.get(boxOf(path));
        if (box?.isOpen) toggle(path);
        else if (around) go(visibleRow(around.path));
      },
      Enter: () => (select(path, "picture"), toggle(path)),
      " ": () => (select(path, "picture"), toggle(path)),
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });

  document.addEventListener("keydown", (event) => {
    if (event.target.matches("input") || event.ctrlKey || event.metaKey || event.altKey) return;
    const keys = {
      "/": () => search.focus(),
      o: () => openTo(Infinity),
      c: () => openTo(0),
      t: changeTheme,
      "+": () => setZoom(zoom * 1.25),
      "-": () => setZoom(zoom / 1.25),
      0: () => setZoom(1),
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });

  // The buttons.

  function setZoom(value) {
    zoom = Math.min(Math.max(value, 0.1), 4);
    refresh();
  }

  const dark = matchMedia("(prefers-color-scheme: dark)");
  function setTheme(name) {
    document.documentElement.dataset.theme = name;
    document.getElementById("theme").textContent = name === "dark" ? "Light" : "Dark";
  }
  function changeTheme() {
    setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  }
  setTheme(data.theme === "auto" ? (dark.matches ? "dark" : "light") : data.theme);
  if (data.theme === "auto") dark.addEventListener("change", () => setTheme(dark.matches ? "dark" : "light"));

  document.getElementById("theme").addEventListener("click", changeTheme);
  document.getElementById("open").addEventListener("click", () => openTo(Infinity));
  document.getElementById("close").addEventListener("click", () => openTo(0));
  document.getElementById("larger").addEventListener("click", () => setZoom(zoom * 1.25));
  document.getElementById("smaller").addEventListener("click", () => setZoom(zoom / 1.25));

  // Searching.

  const search = document.getElementById("search");
  const found = document.getElementById("found");
  let matches = [];
  let match = -1;
  search.addEventListener("input", () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (row) => words.every((word) => row.told[0][1].toLowerCase().includes(word));
    matches = words.length ? Object.keys(data.rows).filter((path) => fits(data.rows[path])) : [];
    match = -1;
    found.textContent = words.length ? `${matches.length} found` : "";
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      search.value = "";
      search.dispatchEvent(new Event("input"));
      search.blur();
    }
    if (event.key !== "Enter" || !matches.length) return;
    match = (match + (event.shiftKey ? matches.length - 1 : 1)) % matches.length;
    select(matches[match]);
    found.textContent = `${match + 1} of ${matches.length}`;
  });

  openTo(data.depth);
  const free = document.getElementById("picture").clientWidth - 32;
  setZoom(Math.max(0.5, Math.min(1, free / svg.getAttribute("width")))); // small screens see all of it, if it is legible
  visibleRows()[0]?.setAttribute("tabindex", "0");

  // A page that follows a file: a newer version is loaded in place of this one, and shows what this one showed.

  const scrolled = () => ["#picture", "#table", "#spec .code", "#source .code"].map((one) => document.querySelector(one));

  function keep() {
    const open = [...boxes.values()].filter((box) => box.isOpen).map((box) => box.path);
    const scrolls = scrolled().map((one) => [one.scrollLeft, one.scrollTop]);
    const theme = document.documentElement.dataset.theme;
    return JSON.stringify({ any: boxes.size > 0, open, selected, zoom, theme, scrolls });
  }

  function restore(kept) {
    setTheme(kept.theme);
    if (!kept.any) return;
    for (const box of boxes.values()) if (box.scene) setOpen(box, kept.open.includes(box.path));
    setZoom(kept.zoom);
    if (kept.selected in data.rows) select(kept.selected);
    scrolled().forEach((one, place) => one.scrollTo(...kept.scrolls[place]));
  }

  if (data.version) {
    const store = "archspec";
    const kept = sessionStorage.getItem(store);
    sessionStorage.removeItem(store);
    if (kept) restore(JSON.parse(kept));
    const state = document.getElementById("state");
    const events = new EventSource(`events${location.search}`);
    events.addEventListener("open", () => (state.textContent = "Live"));
    events.addEventListener("error", () => (state.textContent = "Not connected"));
    events.addEventListener("message", (event) => {
      if (event.data === data.version) return;
      sessionStorage.setItem(store, keep());
      location.reload();
    });
    for (const item of document.querySelectorAll("#problems [data-place]")) {
      const go = () => panes.spec[Number(item.dataset.place)]?.scrollIntoView({ block: "center" });
      item.addEventListener("click", go);
      item.addEventListener("keydown", (event) => event.key === "Enter" && go());
    }
  }
})();
