// A threshold on a scale of log-odds, where 0.02 and 0.5 lie well apart; it is told while it moves, at most every PACE ms.
const PACE = 70;
const STEP = 0.001;
const END = Math.log(0.999 / 0.001);
const TICKS = [0.001, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 0.9, 0.97, 0.99, 0.999];
const logit = (p) => Math.log(Math.min(0.999, Math.max(0.001, p)) / (1 - Math.min(0.999, Math.max(0.001, p))));
const whole = (p) => Math.min(1, Math.max(0, Math.round(p / STEP) * STEP));
const share = (p) => (logit(p) + END) / (2 * END);

export default function ({ data, parentElement: root, setStateValue }) {
  const $ = (query) => root.querySelector(query);
  const [slider, number] = [$(".slider"), $(".number")];
  slider.min = -END;
  slider.max = END;
  slider.step = "any";
  root.now ??= data.threshold;
  // While it is dragged the hand is ahead of what comes back.
  if (!root.held && root.sent === undefined) root.now = data.threshold;
  if (root.sent !== undefined && Math.abs(root.sent - data.threshold) < STEP / 2) root.sent = undefined;
  $(".ticks").replaceChildren(...TICKS.map((at) => placed("span", at, String(at))));
  $(".marks").replaceChildren(...data.points.map((point) => placed("i", point, "")));
  const pin = $(".pin");
  pin.hidden = data.score === null;
  if (data.score !== null) {
    pin.style.left = `${100 * share(data.score)}%`;
    pin.dataset.words = `score ${data.words}`;
    pin.style.setProperty("--shift", share(data.score) > 0.75 ? "-85%" : share(data.score) < 0.25 ? "-15%" : "-50%");
  }
  draw();

  slider.onpointerdown = () => (root.held = true);
  slider.onpointerup = slider.onpointercancel = () => {
    root.held = false;
    tell(true);
  };
  slider.oninput = () => take(1 / (1 + Math.exp(-slider.value)));
  slider.onkeydown = (event) => {
    const up = { ArrowRight: 1, ArrowUp: 1, PageUp: 5, ArrowLeft: -1, ArrowDown: -1, PageDown: -5 }[event.key];
    const ends = { Home: 0, End: 1 }[event.key];
    if (up === undefined && ends === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    if (ends !== undefined) return take(ends);
    const moved = 1 / (1 + Math.exp(-(logit(root.now) + 0.05 * up)));
    take(Math.abs(moved - root.now) < Math.abs(up) * STEP ? root.now + up * STEP : moved);
  };
  number.onchange = () => number.value !== "" && take(Number(number.value));
  number.onkeydown = (event) => event.stopPropagation();

  function take(value) {
    root.now = whole(value);
    draw();
    tell(false);
  }

  function tell(atOnce) {
    if (!atOnce && performance.now() - (root.told ?? 0) < PACE) {
      root.waiting ??= setTimeout(() => {
        root.waiting = undefined;
        tell(true);
      }, PACE);
      return;
    }
    root.told = performance.now();
    const value = Number(root.now.toFixed(3));
    if (root.last === value && Math.abs(data.threshold - value) < STEP / 2) return;
    root.last = root.sent = value;
    setStateValue("threshold", value);
  }

  function draw() {
    $(".bar").style.setProperty("--at", `${100 * share(root.now)}%`);
    slider.value = logit(root.now);
    slider.setAttribute("aria-valuetext", root.now.toFixed(3));
    if (root.activeElement !== number || Number(number.value) !== root.now) number.value = root.now.toFixed(3);
  }
}

function placed(kind, at, words) {
  const element = document.createElement(kind);
  element.style.left = `${100 * share(at)}%`;
  element.textContent = words;
  return element;
}
