// Losses while training, over steps or what they cost: every seed, or the median and range of an arm.
const OVERS = {step: "steps", evaluations: "evaluations", samples: "samples", seconds: "seconds"};
const LOSSES = {train_loss: "train loss", val_loss: "validation loss", val_solution_error: "distance from the solution, validation"};
const POINTS = 120;  // of an arm's curve over what was spent

const smoothed = (values, strength, log) => {  // a running mean that forgets, of logarithms where the scale is one
  if (!strength) return values;
  let sum = 0, weight = 0;
  return values.map(value => {
    if (value === null || (log && value <= 0)) return value;
    sum = strength * sum + (1 - strength) * (log ? Math.log(value) : value);
    weight = strength * weight + 1 - strength;
    return log ? Math.exp(sum / weight) : sum / weight;
  });
};
const lastBy = (points, at) => {  // what a seed had reached by then
  const i = d3.bisector(p => p.at).right(points, at * (1 + 1e-9)) - 1;
  return i < 0 ? null : points[i].value;
};
function band(lines, over) {
  const every = lines.flatMap(line => line.points.map(p => p.at)).filter(at => over === "step" || at > 0);
  if (!every.length) return [];
  let at = [...new Set(every)].sort((a, b) => a - b), value = null;
  if (over === "step") {
    const held = lines.map(line => new Map(line.points.map(p => [p.at, p.value])));
    value = x => held.map(one => one.get(x)).filter(v => v !== undefined);
  } else {
    const [low, high] = d3.extent(at);
    at = d3.range(POINTS).map(i => low * (high / low) ** (i / (POINTS - 1)));
    // From where each seed has a value on: a median must not jump because another one joins.
    value = x => { const all = lines.map(line => lastBy(line.points, x)); return all.includes(null) ? [] : all; };
  }
  return at.map(x => ({at: x, values: value(x)})).filter(p => p.values.length)
    .map(p => ({at: p.at, low: d3.min(p.values), median: median(p.values), high: d3.max(p.values), seeds: p.values.length}));
}

function addCurves() {
  const section = document.getElementById("curves");
  const made = addFigure(section, "curves", width => {
    const here = report.curves.filter(line => line.problem === state.problem);
    fill(metric, Object.entries(LOSSES).filter(([name]) => here.some(line => line[name])));
    fill(over, Object.entries(OVERS).filter(([name]) => here.some(line => line[name])));
    const shownNow = new Set(shownArms()), colour = colours(), logY = scale.checked, x = over.value || "step";
    const seeds = [...new Set(here.map(line => line.seed))].sort((a, b) => a - b);
    drawSeeds(seeds);
    const lines = here.filter(line => shownNow.has(line.arm) && !state.seedsOff.has(line.seed) && line[metric.value] && line[x]).map(line => {
      const points = line[x].map((at, i) => ({at, value: line[metric.value][i]})).filter(p => p.at !== null && p.value !== null && (!logY || p.value > 0) && (!logX.checked || p.at > 0));
      const smooth = smoothed(points.map(p => p.value), smoothing.value / 100, logY);
      return {arm: line.arm, seed: line.seed, run: line.run, points: points.map((p, i) => ({...p, value: smooth[i]}))};
    }).filter(line => line.points.length);
    if (!here.length) return null;
    const groups = d3.groups(lines, line => line.arm), each = view.value === "seeds";
    const bands = groups.flatMap(([arm, own]) => band(own, x).filter(p => !logX.checked || p.at > 0).map(p => ({arm, ...p})));
    const points = lines.flatMap((line, z) => line.points.map(p => ({...p, arm: line.arm, seed: line.seed, run: line.run, z})));
    const ends = new Map(groups.map(([arm]) => [arm, bands.filter(p => p.arm === arm).at(-1)?.median ?? Infinity]));
    const names = [...ends.keys()].sort((a, b) => ends.get(b) - ends.get(a)), key = legend(names, width);
    const title = LOSSES[metric.value] ?? "loss";
    const stroke = {stroke: p => colour[p.arm], strokeOpacity: p => faint(p.arm)};
    const byDash = DASHES.map(style => [style, arm => dash(arm) === style]);
    const drawn = each
      ? byDash.flatMap(([style, has]) => [Plot.line(points.filter(p => has(p.arm)), {x: "at", y: "value", z: "z", ...stroke, strokeWidth: 1.1, strokeDasharray: style || undefined})])
      : [
        Plot.areaY(bands, {x: "at", y1: "low", y2: "high", z: "arm", fill: p => colour[p.arm], fillOpacity: p => 0.14 * faint(p.arm)}),
        ...byDash.map(([style, has]) => Plot.line(bands.filter(p => has(p.arm)), {x: "at", y: "median", z: "arm", ...stroke, strokeWidth: p => state.chosen === p.arm ? 3 : 1.8, strokeDasharray: style || undefined})),
      ];
    const hover = each ? points : bands;
    const told = p => each ? `${p.arm}\nseed ${p.seed}: ${shown(p.value)}\nat ${shown(p.at)} ${OVERS[x]}`
      : `${p.arm}\nmedian ${shown(p.median)}\n${shown(p.low)} .. ${shown(p.high)}, ${p.seeds} seed${p.seeds > 1 ? "s" : ""}\nat ${shown(p.at)} ${OVERS[x]}`;
    const axis = (log, values) => log ? logTick(d3.extent(values)) : brief;
    const plot = Plot.plot({
      width, height: 330 + key.height, marginLeft: 58, marginRight: key.marginRight, marginBottom: key.marginBottom, style: {fontSize: "12px"},
      x: {type: logX.checked ? "log" : "linear", label: OVERS[x], labelOffset: 34, ticks: Math.max(2, width / 130), tickFormat: axis(logX.checked, hover.map(p => p.at)), labelAnchor: "right"},
      y: {type: logY ? "log" : "linear", label: title, grid: true, ticks: 6, tickFormat: axis(logY, each ? hover.map(p => p.value) : hover.flatMap(p => [p.low, p.high]))},
      marks: [...drawn, ...key.marks, Plot.tip(hover, Plot.pointer({x: "at", y: each ? "value" : "median", maxRadius: 200, lineWidth: 60, title: told}))],
    });
    const cut = arms().length - new Set(here.map(line => line.arm)).size;
    return {
      plot, click: p => choose(p.arm),
      names: each ? ["arm", "run", "seed", x, metric.value] : ["arm", x, "low", "median", "high", "seeds"],
      rows: each ? points.map(p => [p.arm, p.run, p.seed, p.at, p.value]) : bands.map(p => [p.arm, p.at, p.low, p.median, p.high, p.seeds]),
      caption: (each ? "A line is a seed." : "Lines are medians over seeds, bands reach from the lowest to the highest.")
        + (cut > 0 ? ` ${cut} arms have no curves here: the page carries those of the best.` : ""),
    };
  });
  const metric = made.choice("of", []), over = made.choice("over", []);
  const view = made.choice("show", [["band", "median and range"], ["seeds", "every seed"]]);
  const scale = made.check("logarithmic", true), logX = made.check("and along", false), smoothing = made.slide("smoothing", 98);
  metric.dataset.role = "metric"; over.dataset.role = "over"; view.dataset.role = "view";
  const row = element("div", undefined, "bar");
  row.id = "seeds";
  made.bar.after(row);
  let drawnSeeds = "";
  function drawSeeds(seeds) {
    if (drawnSeeds === String(seeds)) return;
    drawnSeeds = String(seeds);
    row.hidden = seeds.length < 2;
    row.replaceChildren("seeds", ...seeds.map(seed => {
      const held = element("label"), box = element("input");
      box.type = "checkbox"; box.checked = !state.seedsOff.has(seed);
      box.addEventListener("change", () => { box.checked ? state.seedsOff.delete(seed) : state.seedsOff.add(seed); made.paint(); });
      held.append(box, String(seed));
      return held;
    }));
  }
  return () => {
    made.paint();
    if (!metric.dataset.set && [...metric.options].some(o => o.value === "val_loss")) { metric.value = "val_loss"; metric.dataset.set = 1; made.paint(); }
  };
}
