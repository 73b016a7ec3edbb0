// Which settings matter, and in what two runs differ.
function addImportance() {
  const made = addFigure(document.getElementById("importance"), "importance", width => {
    const found = report.importance.find(one => one.problem === state.problem);
    if (!found) return null;
    const bars = found.shares.filter((s, i) => i < 12 && (s.settings.length === 1 || s.share >= 0.005)).map(s => ({name: s.settings.join(" \u00d7 "), share: s.share, together: s.settings.length > 1}));
    const left = Math.min(260, 0.42 * width), rest = Math.max(0, 1 - d3.sum(found.shares, s => s.share));
    const plot = Plot.plot({
      width, height: 60 + 24 * bars.length, marginBottom: 42, marginLeft: left, marginRight: 46, style: {fontSize: "12px"},
      x: {label: "share of variance", labelOffset: 38, domain: [0, Math.max(0.05, ...bars.map(b => b.share))], tickFormat: "%", ticks: Math.max(2, width / 160), grid: true},
      y: {domain: bars.map(b => b.name), label: null},
      marks: [
        Plot.axisY({tickSize: 0, lineWidth: left / 12 - 1, textOverflow: "ellipsis", label: null}),
        Plot.barX(bars, {x: "share", y: "name", fill: b => b.together ? "#56B4E9" : "#0072B2", insetTop: 4, insetBottom: 4, title: b => `${b.name}: ${d3.format(".1%")(b.share)}`}),
        Plot.text(bars, {x: "share", y: "name", text: b => d3.format(".0%")(b.share), dx: 6, textAnchor: "start"}),
      ],
    });
    const trust = found.explained < 0.3 ? " That is little: do not trust these shares." : "";
    return {
      plot, names: ["settings", "share"], rows: found.shares.map(s => [s.settings.join(" x "), s.share]),
      caption: `Functional analysis of variance of ${found.score}: how much varies with one setting, the others averaged out, and (light) with two beyond`
        + ` what each does alone${rest >= 0.01 ? `; ${d3.format(".0%")(rest)} is left to further combinations` : ""}. By a random forest of scikit-learn,`
        + ` which explains ${d3.format(".0%")(Math.max(0, found.explained))} of the variance of ${found.rows} runs and seeds that it did not learn from.${trust}`,
    };
  });
  return made.paint;
}

function addDifference() {
  const section = document.getElementById("difference"), bar = element("div", undefined, "bar");
  const picks = ["run", "and run"].map(label => {
    const held = element("label", label), pick = element("select");
    pick.setAttribute("aria-label", label);
    pick.addEventListener("change", () => table());
    held.append(pick); bar.append(held);
    return pick;
  });
  const every = element("input"), held = element("label");
  every.type = "checkbox"; every.addEventListener("change", () => table());
  held.append(every, "what is the same, too"); bar.append(held);
  const place = element("div"), told = element("p", undefined, "small");
  place.dataset.table = "difference"; place.id = "difference-table";
  section.append(bar, told, place);
  const table = addTable(place, "difference", () => {
    const {runs, same, differ} = report.settings, [a, b] = picks.map(pick => Math.max(0, runs.indexOf(pick.value)));
    const rows = Object.keys(differ).filter(key => every.checked || differ[key][a] !== differ[key][b]).map(key => [key, differ[key][a], differ[key][b]]);
    if (every.checked) rows.push(...Object.entries(same).map(([key, value]) => [key, value, value]));
    const scores = Object.keys(report.tables.rows).filter(name => name in report.metrics);
    for (const name of scores) {
      const values = [a, b].map(i => medianOf(runs[i], name));
      if (values.some(v => v !== null)) rows.push([`${report.metrics[name].title}, median`, ...values]);
    }
    told.textContent = runs[a] === runs[b] ? "Choose two runs." : "";
    return {setting: rows.map(r => r[0]), "first run": rows.map(r => r[1]), "second run": rows.map(r => r[2])};
  });
  return () => {
    const options = report.settings.runs.map(run => [run, run]), fresh = !picks[1].options.length;
    if (picks[0].options.length !== options.length) picks.forEach(pick => fill(pick, options));
    if (fresh && options.length > 1) picks[1].value = options[1][0];
    table();
    section.hidden = options.length < 2;
  };
}
let rowsOfRun = null, rowsFor = null;
function medianOf(run, name) {
  if (rowsFor !== report) { rowsFor = report; rowsOfRun = d3.group(d3.range(report.tables.rows.run.length), i => report.tables.rows.run[i]); }
  const values = (rowsOfRun.get(run) ?? []).map(i => report.tables.rows[name][i]).filter(v => v !== null);
  return values.length ? median(values) : null;
}
