// What the page is about, and what its reader has chosen: every figure and table draws from both, and again on a change.
const read = id => JSON.parse(document.getElementById(id).textContent);
const whole = column => Array.isArray(column) ? column : column.of.map(i => column.values[i]);
const unpacked = columns => Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, whole(column)]));
let report, links;
const MOST_AT_FIRST = 12;  // arms that are shown before one asks for more
const state = {problem: null, chosen: null, hidden: new Set(), known: new Set(), seedsOff: new Set()};
const redraws = [];

function load(data, runs) {
  report = data; links = runs;
  for (const name in report.tables) report.tables[name] = unpacked(report.tables[name]);
  for (const one of report.overProblems) one.table = unpacked(one.table);
  report.settings.differ = unpacked(report.settings.differ);
  for (const one of report.axes) { one.keys = unpacked(one.keys); one.arms = whole(one.arms); }
  const names = report.problems.map(p => p.name);
  if (!names.includes(state.problem)) state.problem = names[0] ?? null;
  for (const problem of report.problems) problem.arms.forEach((arm, i) => {  // arms that are new are shown if there is room
    if (!state.known.has(arm) && i >= MOST_AT_FIRST) state.hidden.add(arm);
    state.known.add(arm);
  });
}
const redraw = () => redraws.forEach(draw => draw());
const problem = () => report.problems.find(p => p.name === state.problem) ?? {name: null, metric: null, arms: []};
const arms = () => problem().arms;
const shownArms = () => arms().filter(arm => !state.hidden.has(arm));
const colours = () => Object.fromEntries(arms().map((arm, i) => [arm, report.colours[i % report.colours.length]]));
const DASHES = ["", "6 3", "2 3", "8 3 2 3"];
const dash = arm => DASHES[Math.floor(arms().indexOf(arm) / report.colours.length) % DASHES.length];
const faint = arm => state.chosen && state.chosen !== arm ? 0.15 : 1;
function choose(arm) {
  state.chosen = state.chosen === arm ? null : arm;
  if (state.chosen) state.hidden.delete(arm);
  redraw();
}
