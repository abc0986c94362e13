// Charts over hours and days, drawn by uPlot.

const HEIGHT = 200;
const COLOURS = ["--main", "--bad", "--good", "--warn", "--dim", "--text"];

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function axes(format) {
  const common = { stroke: colour("--dim"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
  return [common, { ...common, size: 64, values: (_, ticks) => ticks.map(format) }];
}

function draw(place, word, [title, times], series, format = String) {
  const figure = document.createElement("figure");
  figure.className = "chart";
  figure.style.margin = "0";
  const heading = document.createElement("h3");
  heading.textContent = word(title);
  figure.append(heading);
  place.append(figure);
  const plot = new window.uPlot(
    {
      width: Math.max(260, figure.clientWidth),
      height: HEIGHT,
      scales: { y: { range: (_, low, high) => [0, Math.max(high ?? 0, 1e-9) * 1.05 || 1] } },
      axes: axes(format),
      series: [
        { label: word("at") },
        ...series.map(({ label, dash }, index) => ({
          label, dash, stroke: colour(COLOURS[index % COLOURS.length]), width: 2, spanGaps: true, points: { size: 4 },
          value: (_, value) => (value === null || value === undefined ? "–" : format(value)),
        })),
      ],
    },
    [times, ...series.map((one) => one.values)],
    figure,
  );
  new ResizeObserver(() => plot.setSize({ width: Math.max(260, figure.clientWidth), height: HEIGHT })).observe(figure);
}

/** Draw what the server's history holds: buckets of time, oldest first. */
export function drawCharts(place, history, word) {
  place.replaceChildren();
  const { times } = history;
  draw(place, word, ["ended", times], [
    { label: word("done"), values: history.done },
    { label: word("failed"), values: history.failed },
  ]);
  const rate = history.done.map((done, index) => (done + history.failed[index] ? (100 * done) / (done + history.failed[index]) : null));
  draw(place, word, ["rate", times], [{ label: "%", values: rate }], (value) => value.toFixed(0));
  draw(
    place, word, ["seconds", times],
    Object.entries(history.stages).map(([stage, values]) => ({ label: word(stage), values })),
    (value) => `${value.toFixed(value < 10 ? 1 : 0)} ${word("s")}`,
  );
  const spending = [{ label: word("spent"), values: history.spent }];
  spending.push({ label: word("forecast"), values: history.forecast, dash: [6, 4] });
  if (history.budget !== null) spending.push({ label: word("budget"), values: history.month.map(() => history.budget), dash: [2, 3] });
  draw(place, word, ["dollars", history.month], spending, (value) => `$${value.toFixed(2)}`);
}
