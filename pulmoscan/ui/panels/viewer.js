// Radiographs in layers: the picture, its heat, contours and outlines. All that is done here is for display only.
// What the reader prefers outlives the element, since each page draws one of its own; what was done to a picture does not.
const LARGEST_SCALE = 8;
const STEP = 1.5;
const PAUSE = 150; // milliseconds without a change of the window, after which it is wanted of the file's own values
const NARROW = 560; // pixels: below that one picture, whose heat can be switched off
const SVG = "http://www.w3.org/2000/svg";
const CONTOURS = ["#8fb8ff", "#ffb454", "#ff5d8f"]; // low to high
const prefer = (globalThis.pulmoscanViewer ??= { heat: "colour", opacity: null, outline: true, tool: "move", layout: null });
const untouched = () => ({ scale: 1, x: 0, y: 0, low: 0, high: 1, invert: false, turns: 0, flip: false, ruler: null });

export default function ({ data, parentElement: root, setStateValue }) {
  const $ = (query) => root.querySelector(query);
  const $$ = (query) => [...root.querySelectorAll(query)];
  const panes = $(".panes");
  const changed = root.subject !== data.subject;
  if (changed) Object.assign(root, { subject: data.subject, view: untouched(), asked: false });
  const view = root.view;
  if (root.picture !== data.picture) Object.assign(view, { low: 0, high: 1 });
  root.picture = data.picture;
  if (prefer.opacity === null) prefer.opacity = data.opacity;
  const methods = [...new Set(data.panes.flatMap((pane) => pane.heats.map((heat) => heat.name)))];
  root.method = methods.includes(root.method) ? root.method : methods[0];
  const hasHeat = methods.length > 0;
  build();
  wire();
  show();
  if (changed && globalThis.pulmoscanSeen !== data.subject) {
    globalThis.pulmoscanSeen = data.subject;
    // On a phone the picture lies below all that it was chosen from.
    if (innerWidth < 700) root.host.scrollIntoView({ block: "start", behavior: "smooth" });
  }

  // One picture: the pane with heat alone, where the others show the same radiograph without.
  function single() {
    const narrow = (root.host.clientWidth || innerWidth) < NARROW;
    return data.panes.length === 2 && (prefer.layout ?? (narrow ? "one" : "two")) === "one";
  }

  function shown() {
    return single() ? data.panes.slice(1) : data.panes;
  }

  function build() {
    panes.style.setProperty("--smallest", data.smallest);
    const list = shown();
    while (panes.children.length > list.length) panes.lastElementChild.remove();
    while (panes.children.length < list.length) panes.append(newPane());
    list.forEach((pane, index) => {
      const figure = panes.children[index];
      const base = figure.querySelector(".base");
      base.onload = show; // until then the picture before stays, with its window
      base.alt = pane.alt;
      figure.querySelector(".frame").setAttribute("aria-label", `${pane.alt}. Keys: press ?`);
      figure.querySelector(".title").textContent = pane.title;
      const heat = pane.heats.find((one) => one.name === root.method) ?? pane.heats[0];
      const painted = figure.querySelector(".heat");
      painted.hidden = !heat;
      if (heat && painted.src !== heat.source) painted.src = heat.source;
      const drawing = figure.querySelector(".drawing");
      drawing.replaceChildren();
      drawing.setAttribute("viewBox", `0 0 ${data.grid[0]} ${data.grid[1]}`);
      heat?.contours.forEach((path, level) => drawing.append(line("contour", path, CONTOURS[level])));
      if (data.outline && pane.outlined) drawing.append(line("outline", data.outline));
    });
    const group = $("[data-group=method]");
    group.replaceChildren(
      ...(methods.length > 1 ? methods : []).map((name) => {
        const button = Object.assign(document.createElement("button"), { type: "button", textContent: name });
        button.dataset.method = name;
        return button;
      }),
    );
    const presets = $("select");
    presets.replaceChildren(
      new Option("Window …", ""),
      ...data.presets.map((preset, index) => new Option(preset.name, String(index))),
    );
  }

  function wire() {
    const actions = {
      outline: () => (prefer.outline = !prefer.outline),
      invert: () => (view.invert = !view.invert),
      rotate: () => Object.assign(view, { turns: (view.turns + 1) % 4, x: 0, y: 0, scale: 1, ruler: null }),
      flip: () => Object.assign(view, { flip: !view.flip, ruler: null }),
      reset: () => Object.assign(view, untouched()),
      layout: () => {
        prefer.layout = single() ? "two" : "one";
        build();
        panes.querySelectorAll(".frame").forEach(listen);
      },
      screen: () => (document.fullscreenElement ? document.exitFullscreen() : root.host.requestFullscreen?.()),
      help: () => ($(".help").hidden = !$(".help").hidden),
    };
    root.act = (name) => {
      actions[name]();
      show();
    };
    $$("button").forEach((button) => {
      const { heat, method, tool, zoom: by, do: name } = button.dataset;
      button.onclick = () => {
        if (heat) prefer.heat = heat;
        if (method) { root.method = method; build(); wire(); }
        if (tool) prefer.tool = tool;
        if (by) zoomTo({ in: view.scale * STEP, out: view.scale / STEP, fit: 1, full: pixelForPixel() }[by]);
        if (name) root.act(name);
        show();
      };
    });
    $(".opacity input").oninput = (event) => {
      prefer.opacity = Number(event.target.value);
      show();
    };
    $("select").onchange = (event) => {
      const preset = data.presets[event.target.value];
      if (preset) Object.assign(view, { low: preset.low, high: preset.high });
      event.target.value = "";
      show();
    };
    panes.querySelectorAll(".frame").forEach(listen);
  }

  function show() {
    const pressed = (query, on) => $$(query).forEach((b) => b.setAttribute("aria-pressed", String(on(b.dataset))));
    pressed("[data-heat]", (d) => d.heat === prefer.heat);
    pressed("[data-tool]", (d) => d.tool === prefer.tool);
    pressed("[data-method]", (d) => d.method === root.method);
    pressed("[data-do=outline]", () => prefer.outline);
    pressed("[data-do=invert]", () => view.invert);
    pressed("[data-do=flip]", () => view.flip);
    $("[data-group=heat]").hidden = $(".opacity").hidden = !hasHeat;
    $(".opacity").hidden ||= prefer.heat !== "colour";
    $("[data-do=outline]").hidden = !data.outline;
    $("[data-tool=ruler]").disabled = false;
    const layout = $("[data-do=layout]");
    layout.hidden = data.panes.length !== 2;
    layout.textContent = single() ? "Side by side" : "One picture";
    $(".opacity input").value = prefer.opacity;
    $("output").textContent = `${Math.round(100 * view.scale)} %`;
    const turned = view.turns % 2 === 1;
    const ratio = turned ? data.height / data.width : data.width / data.height;
    const plain = view.low === 0 && view.high === 1 && !view.invert;
    // The file's own values where they have come; until then what eight bits hold of them.
    const exact = data.window?.[0] === view.low && data.window[1] === view.high;
    const source = exact ? data.window[2] : data.full ?? data.source;
    const still = view.scale === 1;
    for (const figure of panes.children) {
      figure.style.setProperty("--ratio", ratio);
      const frame = figure.querySelector(".frame");
      // A whole picture leaves the finger to the page, so that it can be scrolled past.
      frame.style.touchAction = still && prefer.tool === "move" ? "pan-y" : "none";
      frame.style.cursor = { move: still ? "zoom-in" : "grab", window: "ns-resize", ruler: "crosshair" }[prefer.tool];
      const stage = figure.querySelector(".stage");
      stage.classList.toggle("turned", turned);
      stage.style.transform =
        `translate(${100 * view.x}cqw, ${100 * view.y}cqh) scale(${view.scale}) ` +
        `rotate(${90 * view.turns}deg) scaleX(${view.flip ? -1 : 1}) translate(-50%, -50%)`;
      const base = figure.querySelector(".base");
      if (base.given !== source)
        Object.assign(base, { src: source, given: source, coming: exact ? [view.low, view.high] : [0, 1] });
      if (base.complete) base.window = base.coming;
      filter(figure, base);
      const painted = figure.querySelector(".heat");
      painted.style.opacity = prefer.opacity;
      painted.style.visibility = prefer.heat === "colour" ? "visible" : "hidden";
      figure.querySelectorAll(".contour").forEach((p) => (p.style.display = prefer.heat === "contours" ? "" : "none"));
      figure.querySelectorAll(".outline").forEach((p) => (p.style.display = prefer.outline ? "" : "none"));
      drawRuler(figure.querySelector(".ruler"), frame);
    }
    clearTimeout(root.pause);
    const asked = JSON.stringify([data.picture, view.low, view.high]);
    if (data.deep && !exact && (view.low !== 0 || view.high !== 1) && root.wanted !== asked)
      root.pause = setTimeout(() => setStateValue("window", JSON.parse((root.wanted = asked))), PAUSE);
    const said = [];
    if (view.turns || view.flip || !plain) said.push("Display only: the model reads the picture as it came.");
    if (view.flip) said.push("Flipped: the patient's right is on the right.");
    const status = $(".status");
    if (status.textContent !== said.join(" ")) status.textContent = said.join(" ");
    // More than the screen copy holds is sent when it is asked for.
    const frame = panes.querySelector(".frame");
    const wanted = frame && frame.clientWidth * view.scale * devicePixelRatio > 1.2 * data.sent;
    if (data.sent < data.width && wanted && !data.full && !root.asked) {
      root.asked = true;
      setStateValue("full", data.subject);
    }
  }

  // What is shown of a picture whose black and white are those of `base.window`.
  function filter(figure, base) {
    const [low, high] = base.window ?? [0, 1];
    const width = Math.max(0.001, view.high - view.low);
    const [slope, start] = [(high - low) / width, (low - view.low) / width];
    for (const f of figure.querySelectorAll("feFuncR, feFuncG, feFuncB")) {
      f.setAttribute("slope", view.invert ? -slope : slope);
      f.setAttribute("intercept", view.invert ? 1 - start : start);
    }
    const same = low === view.low && high === view.high && !view.invert;
    base.style.filter = same ? "" : `url(#${figure.querySelector("filter").id})`;
  }

  function pixelForPixel() {
    const frame = panes.querySelector(".frame");
    return (view.turns % 2 ? data.height : data.width) / devicePixelRatio / Math.max(1, frame.clientWidth);
  }

  function move(x, y) {
    const reach = (view.scale - 1) / 2;
    view.x = Math.min(reach, Math.max(-reach, x));
    view.y = Math.min(reach, Math.max(-reach, y));
    show();
  }

  // To `scale`, keeping the point [x, y] of the frame (shares of its sides, from its middle) where it is.
  function zoomTo(scale, [x, y] = [0, 0]) {
    const before = view.scale;
    view.scale = Math.min(Math.max(LARGEST_SCALE, pixelForPixel()), Math.max(1, scale));
    const growth = view.scale / before;
    move(x - (x - view.x) * growth, y - (y - view.y) * growth);
  }

  function windowBy(width, level) {
    const half = Math.min(1, Math.max(data.deep ? 0.002 : 0.01, (view.high - view.low) / 2 + width));
    const centre = Math.min(1.2, Math.max(-0.2, (view.high + view.low) / 2 + level));
    Object.assign(view, { low: Number((centre - half).toFixed(4)), high: Number((centre + half).toFixed(4)) });
    show();
  }

  function drawRuler(layer, frame) {
    layer.replaceChildren();
    if (!view.ruler) return;
    const [w, h] = [frame.clientWidth, frame.clientHeight];
    const place = ([x, y]) => [(0.5 + view.x + x * view.scale) * w, (0.5 + view.y + y * view.scale) * h];
    const [[ax, ay], [bx, by]] = view.ruler.map(place);
    const drawn = document.createElementNS(SVG, "line");
    Object.entries({ x1: ax, y1: ay, x2: bx, y2: by }).forEach(([name, value]) => drawn.setAttribute(name, value));
    const words = document.createElementNS(SVG, "text");
    words.setAttribute("x", Math.min(w - 150, bx + 8));
    words.setAttribute("y", Math.max(16, by - 8));
    words.textContent = length();
    layer.append(drawn, words);
  }

  function length() {
    const [[ax, ay], [bx, by]] = view.ruler;
    const [across, down] = view.turns % 2 ? [data.height, data.width] : [data.width, data.height];
    const pixels = Math.hypot((bx - ax) * across, (by - ay) * down);
    return data.spacing ? `${(pixels * data.spacing).toFixed(1)} mm${data.detector ? " at the detector" : ""}` : `${Math.round(pixels)} pixels`;
  }

  function listen(frame) {
    const fingers = new Map();
    let moved = false;
    const place = (event) => {
      const box = frame.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width - 0.5, (event.clientY - box.top) / box.height - 0.5];
    };
    const onPicture = ([x, y]) => [(x - view.x) / view.scale, (y - view.y) / view.scale];
    const spread = () => {
      const [[ax, ay], [bx, by]] = [...fingers.values()];
      return { distance: Math.hypot(ax - bx, ay - by), middle: [(ax + bx) / 2, (ay + by) / 2] };
    };
    frame.onpointerdown = (event) => {
      frame.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, place(event));
      moved = false;
      frame.tool = event.button === 2 ? "window" : event.button === 1 ? "move" : prefer.tool;
      if (frame.tool === "ruler") view.ruler = [onPicture(place(event)), onPicture(place(event))];
    };
    frame.onpointermove = (event) => {
      if (!fingers.has(event.pointerId)) return;
      const [oldX, oldY] = fingers.get(event.pointerId);
      const before = fingers.size === 2 && spread();
      const [x, y] = place(event);
      moved ||= Math.hypot(x - oldX, y - oldY) > 0.002;
      fingers.set(event.pointerId, [x, y]);
      if (before) {
        const after = spread();
        zoomTo((view.scale * after.distance) / before.distance, after.middle);
      } else if (frame.tool === "window") {
        windowBy((x - oldX) / 2, oldY - y);
      } else if (frame.tool === "ruler") {
        view.ruler[1] = onPicture([x, y]);
        show();
      } else {
        move(view.x + x - oldX, view.y + y - oldY);
      }
    };
    frame.onpointerup = frame.onpointercancel = (event) => fingers.delete(event.pointerId);
    frame.oncontextmenu = (event) => event.preventDefault();
    frame.ondblclick = (event) => prefer.tool === "move" && zoomTo(view.scale > 1 ? 1 : 2.5, place(event));
    frame.onwheel = (event) => {
      if (!event.ctrlKey) return; // the page scrolls; a trackpad's pinch comes with ctrlKey set
      event.preventDefault();
      zoomTo(view.scale * Math.exp(-event.deltaY / 200), place(event));
    };
    frame.onkeydown = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const { x, y } = view;
      const arrows = event.shiftKey
        ? { ArrowLeft: () => windowBy(-0.02, 0), ArrowRight: () => windowBy(0.02, 0), ArrowUp: () => windowBy(0, 0.02), ArrowDown: () => windowBy(0, -0.02) }
        : view.scale > 1
          ? { ArrowLeft: () => move(x + 0.1, y), ArrowRight: () => move(x - 0.1, y), ArrowUp: () => move(x, y + 0.1), ArrowDown: () => move(x, y - 0.1) }
          : {};
      const tool = (name) => () => { prefer.tool = name; show(); };
      const heat = (name) => () => { prefer.heat = prefer.heat === name ? "off" : name; show(); };
      const does = (name) => () => root.act(name);
      const keys = {
        "+": () => zoomTo(view.scale * STEP), "-": () => zoomTo(view.scale / STEP), 0: () => zoomTo(1),
        1: () => zoomTo(pixelForPixel()), h: heat("colour"), k: heat("contours"), o: does("outline"),
        m: tool("move"), w: tool("window"), l: tool("ruler"), i: does("invert"), r: does("rotate"), f: does("flip"),
        s: does("layout"), enter: does("screen"), backspace: does("reset"), "?": does("help"),
        escape: () => { $(".help").hidden = true; },
      };
      const action = arrows[event.key] ?? keys[event.key.toLowerCase()];
      if (!action) return;
      event.preventDefault();
      event.stopPropagation();
      action();
    };
  }

  function line(kind, path, colour) {
    const drawn = document.createElementNS(SVG, "path");
    drawn.setAttribute("class", kind);
    drawn.setAttribute("d", path);
    if (colour) drawn.setAttribute("stroke", colour);
    return drawn;
  }
}

let filters = 0;

function newPane() {
  const figure = document.createElement("figure");
  filters += 1;
  figure.innerHTML =
    '<div class="frame" tabindex="0" role="group"><div class="stage"><img class="base" draggable="false">' +
    '<img class="heat" alt="" draggable="false"><svg class="drawing" preserveAspectRatio="none" aria-hidden="true">' +
    '</svg></div><svg class="ruler"></svg></div><figcaption class="title"></figcaption>' +
    `<svg width="0" height="0" aria-hidden="true" style="position:absolute"><filter id="window-${filters}" ` +
    'color-interpolation-filters="sRGB" x="0" y="0" width="1" height="1"><feComponentTransfer>' +
    '<feFuncR type="linear"/><feFuncG type="linear"/><feFuncB type="linear"/></feComponentTransfer></filter></svg>';
  return figure;
}
