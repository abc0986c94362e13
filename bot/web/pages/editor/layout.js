// The geometry of the overlay, as video_editing/compositing/layout.py computes it for the renderer.

const EDGE_MARGIN = 0.03;
const MAX_SIDE = 1920;
const SHADOW_REACH = 0.12;
const ASPECTS = { "16:9": [16, 9], "9:16": [9, 16], "1:1": [1, 1], "4:5": [4, 5] };
const RADIUS = 0.35;
const LINES = 1080;

/** Round as Python does: halves to the even neighbour. */
function round(value) {
  const low = Math.floor(value);
  const rest = value - low;
  if (rest !== 0.5) return rest < 0.5 ? low : low + 1;
  return low % 2 === 0 ? low : low + 1;
}

function roundToEven(length) {
  return Math.max(2, 2 * round(length / 2));
}

export function fitWithinSide([width, height], side) {
  const scale = Math.min(1, side / Math.max(width, height));
  return [roundToEven(width * scale), roundToEven(height * scale)];
}

/** The size of the result in pixels: of its aspect, or of its background. */
export function canvasSize(aspect, source) {
  if (!ASPECTS[aspect]) return fitWithinSide(source, MAX_SIDE);
  const [across, down] = ASPECTS[aspect];
  return across >= down
    ? [roundToEven((LINES * across) / down), LINES]
    : [LINES, roundToEven((LINES * down) / across)];
}

function halfSize(clip, shape) {
  return shape === "circle" ? [RADIUS * Math.min(...clip), RADIUS * Math.min(...clip)] : [clip[0] / 2, clip[1] / 2];
}

function clampCentre(centre, half, length) {
  return 2 * half <= length ? Math.min(Math.max(centre, half), length - half) : length / 2;
}

function evenSpan(middle, reach, length) {
  const start = Math.min(Math.max(0, Math.floor((middle - reach) / 2) * 2), Math.floor((length - 1) / 2) * 2);
  const end = Math.min(length, Math.max(Math.ceil((middle + reach) / 2) * 2, start + 2));
  return [start, end - start];
}

/** What of the clip is shown, and how large: box in the clip's pixels, view in the result's. */
export function computeLayout(clip, { shape, size, shadow }, face, canvas) {
  const half = halfSize(clip, shape);
  const relative = shape === "circle" ? face : [0.5, 0.5];
  const centre = [0, 1].map((axis) => clampCentre(relative[axis] * clip[axis], half[axis], clip[axis]));
  const [[left, width], [top, height]] = [0, 1].map((axis) => evenSpan(centre[axis], half[axis], clip[axis]));
  const scale = size * Math.min(canvas[0] / width, canvas[1] / height);
  const view = [roundToEven(width * scale), roundToEven(height * scale)];
  return {
    box: [left, top, width, height],
    view,
    centre: [((centre[0] - left) * view[0]) / width, ((centre[1] - top) * view[1]) / height],
    radius: (half[0] * view[0]) / width,
    margin: shadow ? roundToEven(SHADOW_REACH * Math.min(...view)) : 0,
  };
}

function shares(anchor) {
  return [
    anchor.includes("left") ? 0 : anchor.includes("right") ? 1 : 0.5,
    anchor.includes("top") ? 0 : anchor.includes("bottom") ? 1 : 0.5,
  ];
}

function insets(shape, canvas, share) {
  return (shape === "none" ? 0 : EDGE_MARGIN * Math.min(...canvas)) * (1 - 2 * share);
}

/** Left and top of the view on the result; the overlay begins by its margin before. */
export function computeTopLeft(view, { shape, anchor, offset }, canvas) {
  return shares(anchor).map((share, axis) => {
    const rest = (canvas[axis] - view[axis]) * share;
    return 2 * round((rest + insets(shape, canvas, share) + offset[axis] * canvas[axis]) / 2);
  });
}

const NAMES = [["left", "", "right"], ["top", "", "bottom"]];

/** The anchor and the offset of a view at *place*; within *reach* of an anchor it is at it. */
export function placeAt(place, view, shape, canvas, reach) {
  const names = [];
  const offset = [0, 1].map((axis) => {
    const spots = [0, 0.5, 1].map((share) => (canvas[axis] - view[axis]) * share + insets(shape, canvas, share));
    const distances = spots.map((spot) => Math.abs(place[axis] - spot));
    const nearest = distances.indexOf(Math.min(...distances));
    names.push(NAMES[axis][nearest]);
    return distances[nearest] <= reach ? 0 : (place[axis] - spots[nearest]) / canvas[axis];
  });
  const anchor = [names[1], names[0]].filter(Boolean).join("-") || "center";
  return { anchor, offset };
}
