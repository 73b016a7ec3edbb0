// Every seed of every arm as a point, its arm's median and interval behind it.
function addPoints() {
  const made = addFigure(document.getElementById("points"), "points", width => {
    const names = [...new Set(report.tables.summary.metric ?? [])];
    fill(metric, names.map(name => [name, report.metrics[name]?.title ?? name]));
    if (!metric.dataset.set && names.includes(problem().metric)) { metric.value = problem().metric; metric.dataset.set = 1; }
    const name = metric.value, rows = report.tables.rows, s = report.tables.summary, shownNow = new Set(shownArms()), colour = colours();
    const here = i => (rows.problem?.[i] ?? state.problem) === state.problem;
    const points = (rows.arm ?? []).map((arm, i) => ({arm, i})).filter(({arm, i}) => shownNow.has(arm) && here(i) && (rows.compared?.[i] ?? true))
      .map(({arm, i}) => ({arm, seed: rows.seed[i], run: rows.run[i], value: rows[name]?.[i] ?? null, status: rows.status[i]}));
    const fine = points.filter(p => Number.isFinite(p.value) && p.status === "ok");
    if (!fine.length) return null;
    const medians = (s.arm ?? []).map((arm, i) => ({arm, metric: s.metric[i], median: s.median[i], low: s.low[i], high: s.high[i], at: i}))
      .filter(m => m.metric === name && shownNow.has(m.arm) && (s.problem?.[m.at] ?? state.problem) === state.problem);
    const order = medians.map(m => m.arm).sort((a, b) => {
      const [x, y] = [a, b].map(arm => medians.find(m => m.arm === arm).median);
      return report.metrics[name]?.better === "higher" ? before(y, x, 1) : before(x, y, 1);
    });
    const lost = d3.rollups(points.filter(p => !Number.isFinite(p.value) || p.status !== "ok"), all => all.length, p => p.arm);
    const log = scale.checked && fine.every(p => p.value > 0), left = Math.min(230, 0.38 * width);
    const [lowest, highest] = d3.extent(fine, p => p.value);
    const within = value => Math.min(Math.max(value, lowest), highest);
    const faded = d => faint(d.arm);
    const plot = Plot.plot({
      width, height: 66 + 22 * order.length, marginBottom: 44, marginLeft: left, marginRight: lost.length ? 60 : 16, style: {fontSize: "12px"},
      x: {type: log ? "log" : "linear", label: report.metrics[name]?.title ?? name, labelOffset: 38, grid: true, nice: true, ticks: Math.max(2, (width - left) / 90), tickFormat: log ? logTick([lowest, highest]) : brief},
      y: {domain: order, label: null, type: "point"},
      marks: [
        Plot.axisY({tickSize: 0, lineWidth: left / 12 - 1, textOverflow: "ellipsis", label: null}),
        Plot.link(medians.filter(m => Number.isFinite(m.low)), {x1: m => within(m.low), x2: m => within(m.high), y1: "arm", y2: "arm", stroke: m => colour[m.arm], strokeWidth: 9, strokeOpacity: m => 0.22 * faded(m), strokeLinecap: "butt"}),
        Plot.dot(fine, {x: "value", y: "arm", fill: p => colour[p.arm], fillOpacity: p => 0.75 * faded(p), r: 3.5}),
        Plot.text(medians.filter(m => Number.isFinite(m.median)), {x: "median", y: "arm", text: () => "|", fill: "black", fillOpacity: faded, fontWeight: "bold", fontSize: 15}),
        Plot.text(lost, {y: "0", frameAnchor: "right", dx: 10, textAnchor: "start", text: d => `${d[1]} lost`, fill: "#a33600"}),
        Plot.tip(fine, Plot.pointer({x: "value", y: "arm", maxRadius: 30, lineWidth: 60, title: p => `${p.arm}\nseed ${p.seed}: ${shown(p.value)}\n${p.run}`})),
      ],
    });
    return {
      plot, click: p => choose(p.arm), names: ["arm", "run", "seed", "status", name],
      rows: points.map(p => [p.arm, p.run, p.seed, p.status, p.value]),
      caption: "A point is a seed, the upright line the median, the bar its interval; the best arm is first.",
    };
  });
  const metric = made.choice("score", []), scale = made.check("logarithmic", true);
  return made.paint;
}
