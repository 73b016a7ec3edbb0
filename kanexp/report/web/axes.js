// Axes over tasks: the settings of every axis ranked over all tasks or over those of a kind, with a table for each.
function addAxes() {
  const section = document.getElementById("axes"), bar = element("div", undefined, "bar"), pick = element("select"), held = element("label", "over ");
  const drawn = new Map();  // of each axis its sentence, and what draws its table
  let kind = null;
  pick.setAttribute("aria-label", "kind of task");
  pick.addEventListener("change", () => { kind = pick.value; draw(); });
  held.append(pick); bar.append(held); section.append(bar);
  const of = axis => report.overProblems.find(one => one.axis === axis && one.kind === kind);
  const NOTHING = {};
  const add = axis => {
    const part = element("div", undefined, "axis"), sentence = element("p", undefined, "ranking"), place = element("div");
    place.dataset.table = `axis-${axis}`;
    part.append(element("h3", axis), sentence, place);
    section.append(part);
    drawn.set(axis, {part, sentence, table: addTable(place, `axis-${axis}`, () => of(axis)?.table ?? NOTHING)});
  };
  const draw = () => {
    const kinds = [...new Set(report.overProblems.map(one => one.kind))];
    section.hidden = !kinds.length;
    if (!kinds.includes(kind)) kind = kinds[0] ?? null;
    fill(pick, kinds.map(name => [name, name]));
    pick.value = kind;
    bar.hidden = kinds.length < 2;
    for (const one of report.overProblems) if (!drawn.has(one.axis)) add(one.axis);
    for (const [axis, own] of drawn) {
      own.part.hidden = !of(axis);
      if (of(axis)) { own.table(); own.sentence.textContent = of(axis).sentence; }
    }
  };
  return draw;
}
