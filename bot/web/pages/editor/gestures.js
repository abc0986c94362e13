// Fingers, mouse and keys on the stage, as movements and zooms.

const STEP = 0.01;
const LARGE_STEP = 0.05;
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function middle(points) {
  return [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length);
}

function spread(points) {
  return points.length < 2 ? 0 : Math.hypot(points[0][0] - points[1][0], points[0][1] - points[1][1]);
}

/**
 * Watch *stage*. `begin()` is called when a gesture begins, `move(dx, dy, zoom, isFinal)` while it
 * lasts, in pixels of the page since it began; `nudge(dx, dy)` for keys, in fractions of the stage;
 * `zoom(factor)` for keys and the wheel.
 */
export function watchGestures(stage, { begin, move, nudge, zoom }) {
  const pointers = new Map();
  let start = null;

  function restart() {
    start = { middle: middle([...pointers.values()]), spread: spread([...pointers.values()]) };
    begin();
  }

  function follow(isFinal) {
    const points = [...pointers.values()];
    const [x, y] = middle(points);
    const factor = start.spread ? spread(points) / start.spread : 1;
    move(x - start.middle[0], y - start.middle[1], factor, isFinal);
  }

  stage.addEventListener("pointerdown", (event) => {
    if (pointers.size === 2) return;
    stage.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    restart();
  });
  stage.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId)) return;
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    follow(false);
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    stage.addEventListener(kind, (event) => {
      if (!pointers.has(event.pointerId)) return;
      follow(true);
      pointers.delete(event.pointerId);
      if (pointers.size) restart();
    });
  }
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 600));
  }, { passive: false });
  stage.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? LARGE_STEP : STEP;
    if (KEYS[event.key]) nudge(...KEYS[event.key].map((one) => one * step));
    else if (event.key === "+" || event.key === "=") zoom(1 + step);
    else if (event.key === "-") zoom(1 / (1 + step));
    else return;
    event.preventDefault();
  });
}
