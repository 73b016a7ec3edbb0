// Parallel coordinates: a line for every run across its settings to its score; drag along an axis to keep some.
const MOST_LABELS = 14;

function scaleOf(values, isScore) {  // where each value stands on its axis, from 0 to 1, and what is written beside it
  const numbers = values.map(v => typeof v === "number" ? v : v === null || v === "" ? NaN : Number(v));
  const distinct = [...new Set(values)];
  if (numbers.every(Number.isFinite) && distinct.length > 2) {
    const [low, high] = d3.extent(numbers), log = low > 0 && high / low > 30;
    const scale = (log ? d3.scaleLog() : d3.scaleLinear()).domain([low, high]);
    const labels = distinct.length <= MOST_LABELS && !isScore ? [...new Set(numbers)] : log ? [low, Math.sqrt(low * high), high] : [low, (low + high) / 2, high];
    return {at: i => scale(numbers[i]), labels: labels.map(v => [brief(v), scale(v)])};
  }
  const order = distinct.sort((a, b) => before(a, b, 1)), place = new Map(order.map((v, i) => [v, order.length > 1 ? i / (order.length - 1) : 0.5]));
  const step = Math.ceil(order.length / MOST_LABELS);
  return {at: i => place.get(values[i]), labels: order.filter((_, i) => i % step === 0).map(v => [v === null || v === "" ? "none" : String(v), place.get(v)])};
}

function addParallel() {
  let kept = null;  // runs within all that was dragged over
  const told = element("p", undefined, "small");
  told.id = "kept";
  const made = addFigure(document.getElementById("parallel"), "parallel", width => {
    const found = report.axes.find(one => one.problem === state.problem);
    if (!found || found.score.length < 3) return null;
    const score = report.metrics[problem().metric].title, keys = [...Object.keys(found.keys), score];
    const scales = keys.map(key => scaleOf(key === score ? found.score : found.keys[key], key === score));
    const finite = found.score.map(v => Number.isFinite(v));
    const runs = d3.range(found.score.length).filter(i => finite[i]);
    const points = runs.flatMap(i => keys.map((key, k) => ({i, key, y: scales[k].at(i), arm: found.arms[i], score: found.score[i]})));
    const log = found.log && found.score.every(v => v > 0 || v === null), lower = report.metrics[problem().metric].better === "lower";
    const short = key => cut(key.split(".").at(-1), Math.max(6, Math.floor(width / keys.length / 7)));
    const plot = Plot.plot({
      width, height: 340, marginLeft: 30, marginRight: Math.min(90, width * 0.16), marginTop: 34, marginBottom: 14, style: {fontSize: "12px"},
      x: {type: "point", domain: keys, axis: "top", label: null, tickFormat: short, tickSize: 0},
      y: {axis: null, domain: [0, 1]},
      color: {type: log ? "log" : "linear", scheme: "viridis", range: lower ? [0.9, 0] : [0, 0.9]},
      marks: [
        Plot.line(points, {x: "key", y: "y", z: "i", stroke: "score", strokeWidth: 1, strokeOpacity: p => (runs.length > 300 ? 0.35 : 0.7) * faint(p.arm)}),
        Plot.ruleX(keys, {x: key => key, stroke: "#333"}),
        keys.flatMap((key, k) => scales[k].labels.map(([text, y]) => Plot.text([[key, y]], {x: "0", y: "1", text: [cut(text, 16)], dx: 5, textAnchor: "start", stroke: "white", fill: "#222", strokeWidth: 4}))),
        Plot.tip(points, Plot.pointer({x: "key", y: "y", maxRadius: 25, lineWidth: 60, title: p => `${p.arm}\n${keys.slice(0, -1).map(key => `${key} ${shown(found.keys[key][p.i])}`).join("\n")}\n${score} ${shown(p.score)}\n${found.runs[p.i]}`})),
      ],
    });
    brush(plot, keys, scales, runs, found, score, points);
    return {
      plot, click: p => choose(p.arm), names: ["run", "arm", ...keys],
      rows: runs.filter(i => !kept || kept.has(i)).map(i => [found.runs[i], found.arms[i], ...Object.values(found.keys).map(c => c[i]), found.score[i]]),
      caption: `A line is a run, coloured by its score: light is better. Drag along an axis to keep the runs that pass there; click beside what you dragged to let go.`,
    };
  });
  made.figure.append(told);
  function brush(plot, keys, scales, runs, found, score, points) {
    const svg = d3.select(plot.matches("svg") ? plot : plot.querySelector("svg")), x = plot.scale("x"), y = plot.scale("y"), asked = new Map();
    const paths = svg.selectAll("[aria-label=line] path").nodes();
    const [bottom, top] = y.range;
    kept = null; told.textContent = "";
    const show = () => {
      kept = asked.size ? new Set(runs.filter(i => [...asked].every(([k, [a, b]]) => { const at = y.apply(scales[k].at(i)); return at >= a && at <= b; }))) : null;
      paths.forEach(path => { path.style.opacity = !kept || kept.has(points[path.__data__[0]].i) ? "" : 0.06; });
      if (!kept) { told.textContent = ""; return; }
      const scores = [...kept].map(i => found.score[i]);
      told.textContent = `${kept.size} of ${runs.length} runs pass there` + (scores.length ? `; their median ${score} is ${shown(median(scores))}` : "");
    };
    keys.forEach((key, k) => {
      const at = x.apply(key), area = d3.brushY().extent([[at - 12, top - 4], [at + 12, bottom + 4]])
        .on("brush end", ({selection}) => { selection ? asked.set(k, selection) : asked.delete(k); show(); });
      svg.append("g").attr("class", "brush").call(area);
    });
  }
  return made.paint;
}
