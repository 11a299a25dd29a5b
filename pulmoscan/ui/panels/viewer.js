// One view, shared by all panes: `scale`, and the offset `x`, `y` of the picture as a share of the frame.
const WHOLE = { scale: 1, x: 0, y: 0 };
const LARGEST_SCALE = 8;
const STEP = 1.5;

export default function ({ data, parentElement: root }) {
  const panes = root.querySelector(".panes");
  panes.style.setProperty("--smallest", data.smallest);
  if (root.subject !== data.subject) Object.assign(root, { subject: data.subject, view: { ...WHOLE } });
  while (panes.children.length > data.panes.length) panes.lastElementChild.remove();
  while (panes.children.length < data.panes.length) panes.append(newPane());
  data.panes.forEach((pane, index) => {
    const figure = panes.children[index];
    const image = figure.querySelector("img");
    image.onload = () => figure.style.setProperty("--ratio", image.naturalWidth / image.naturalHeight);
    image.src = pane.source;
    image.alt = pane.alt;
    figure.querySelector("figcaption").textContent = pane.title;
    listen(figure.querySelector(".frame"));
  });
  root.querySelectorAll("button").forEach((button) => {
    const factor = { in: STEP, out: 1 / STEP, fit: 0 }[button.dataset.zoom];
    button.onclick = () => zoom(factor);
  });
  show();

  function show() {
    const { view } = root;
    const still = view.scale === 1;
    root.querySelector("output").textContent = `${Math.round(100 * view.scale)} %`;
    for (const frame of panes.querySelectorAll(".frame")) {
      // A whole picture leaves the finger to the page, so that it can be scrolled past.
      frame.style.touchAction = still ? "pan-y" : "none";
      frame.style.cursor = still ? "zoom-in" : "grab";
      frame.firstElementChild.style.transform = `translate(${100 * view.x}%, ${100 * view.y}%) scale(${view.scale})`;
    }
  }

  function move(x, y) {
    const { view } = root;
    view.x = Math.min(0, Math.max(1 - view.scale, x));
    view.y = Math.min(0, Math.max(1 - view.scale, y));
    show();
  }

  // By `factor`, keeping the point [x, y] of the frame (shares of its sides) where it is.
  function zoom(factor, [x, y] = [0.5, 0.5]) {
    const { view } = root;
    const before = view.scale;
    view.scale = Math.min(LARGEST_SCALE, Math.max(1, before * factor));
    const growth = view.scale / before;
    move(x - (x - view.x) * growth, y - (y - view.y) * growth);
  }

  function listen(frame) {
    const fingers = new Map();
    const place = (event) => {
      const box = frame.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    };
    const spread = () => {
      const [[ax, ay], [bx, by]] = [...fingers.values()];
      return { distance: Math.hypot(ax - bx, ay - by), middle: [(ax + bx) / 2, (ay + by) / 2] };
    };
    frame.onpointerdown = (event) => {
      frame.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, place(event));
    };
    frame.onpointermove = (event) => {
      if (!fingers.has(event.pointerId)) return;
      const [oldX, oldY] = fingers.get(event.pointerId);
      const before = fingers.size === 2 && spread();
      const [x, y] = place(event);
      fingers.set(event.pointerId, [x, y]);
      if (before) {
        const after = spread();
        zoom(after.distance / before.distance, after.middle);
      } else {
        move(root.view.x + x - oldX, root.view.y + y - oldY);
      }
    };
    frame.onpointerup = frame.onpointercancel = (event) => fingers.delete(event.pointerId);
    frame.ondblclick = (event) => zoom(root.view.scale > 1 ? 0 : 2.5, place(event));
    frame.onwheel = (event) => {
      if (!event.ctrlKey) return; // the page scrolls; a trackpad's pinch comes with ctrlKey set
      event.preventDefault();
      zoom(Math.exp(-event.deltaY / 200), place(event));
    };
    frame.onkeydown = (event) => {
      const { x, y } = root.view;
      const action = {
        "+": () => zoom(STEP), "-": () => zoom(1 / STEP), 0: () => zoom(0),
        ArrowLeft: () => move(x + 0.1, y), ArrowRight: () => move(x - 0.1, y),
        ArrowUp: () => move(x, y + 0.1), ArrowDown: () => move(x, y - 0.1),
      }[event.key];
      if (!action || (event.key.startsWith("Arrow") && root.view.scale === 1)) return;
      event.preventDefault();
      action();
    };
  }
}

function newPane() {
  const figure = document.createElement("figure");
  figure.innerHTML = '<div class="frame" tabindex="0"><img draggable="false"></div><figcaption></figcaption>';
  return figure;
}
