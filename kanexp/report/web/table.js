// Tables that sort when a head is clicked, keep the rows that a filter names, and are handed out as CSV and LaTeX.
const FIRST = 200;  // rows drawn before one asks for all
const test = (columns, word) => {  // a condition on a column, or text that any cell may hold
  const parts = /^([^<>=]+)([<>=])(.+)$/.exec(word), name = parts && Object.keys(columns).find(c => c.toLowerCase() === parts[1]);
  if (!name) return i => Object.values(columns).some(c => shown(c[i]).toLowerCase().includes(word));
  const wanted = parts[3], number = Number(wanted), cells = columns[name];
  if (parts[2] === "=") return i => shown(cells[i]).toLowerCase() === wanted || (cells[i] !== null && cells[i] === number);
  return i => cells[i] !== null && (parts[2] === "<" ? cells[i] < number : cells[i] > number);
};
const before = (x, y, way) => {
  if (x === null || y === null) return (x === null) - (y === null);  // empty cells last, whichever way
  if (typeof x === "number" && typeof y === "number") return x === y ? 0 : way * (x < y ? -1 : 1);
  return way * String(x).localeCompare(String(y), undefined, {numeric: true});
};

function addTable(place, name, columnsNow) {  // columnsNow() gives a list for each column
  let columns, sorted = null, most = FIRST, drawn = null;
  const bar = element("div", undefined, "bar"), input = element("input"), told = element("span"), all = element("button", "show all");
  input.type = "search"; input.placeholder = "show rows that contain ..."; input.setAttribute("aria-label", "filter rows");
  input.dataset.filter = name;
  const csv = element("button", "CSV"), tex = element("button", "LaTeX"), more = element("p", undefined, "more");
  csv.title = tex.title = "the rows below, as they are sorted and filtered";
  const scroll = element("div", undefined, "scroll"), table = element("table"), body = element("tbody"), head = element("tr");
  scroll.tabIndex = 0;
  const numeric = column => columns[column].some(v => typeof v === "number") && columns[column].every(v => v === null || typeof v === "number");
  const kept = () => {
    const names = Object.keys(columns), order = [...Array(names.length ? columns[names[0]].length : 0).keys()];
    if (sorted && columns[sorted.name]) order.sort((i, j) => before(columns[sorted.name][i], columns[sorted.name][j], sorted.way));
    const tests = input.value.toLowerCase().split(/\s+/).filter(Boolean).map(word => test(columns, word));
    return [order.filter(i => tests.every(t => t(i))), order.length];
  };
  const cellOf = (column, i) => {
    const value = columns[column][i], cell = element("td", undefined, typeof value === "number" ? "number" : "long");
    if (column === "run" && links[value]) {
      const link = element("a", value);
      link.href = links[value];
      cell.append(link);
    } else cell.textContent = shown(value);
    if ((column === "arm" || column === "other") && value !== null) {
      cell.classList.add("arm");
      cell.addEventListener("click", () => choose(value));
    }
    cell.title = value === null ? "" : value;
    return cell;
  };
  const draw = () => {
    const [rows, count] = kept(), names = Object.keys(columns);
    body.replaceChildren(...rows.slice(0, most).map(i => {
      const row = element("tr");
      if (/^(diverged|failed|lost)/.test((columns.status || [])[i] || "")) row.className = "lost";
      row.arms = [columns.arm?.[i], columns.other?.[i]];
      row.append(...names.map(column => cellOf(column, i)));
      return row;
    }));
    told.textContent = rows.length > most ? `the first ${most} of ${rows.length} rows` : `${rows.length} of ${count} rows`;
    all.hidden = rows.length <= most;
    mark();
  };
  const mark = () => {
    for (const row of body.rows) {
      row.classList.toggle("chosen", state.chosen !== null && row.arms.includes(state.chosen));
    }
    const hidden = scroll.scrollWidth - scroll.clientWidth > 4;
    scroll.classList.toggle("wide", hidden);
    more.textContent = hidden ? "\u2194 more columns to the right: scroll the table" : "";
  };
  const heads = () => head.replaceChildren(...Object.keys(columns).map(column => {
    const th = element("th", column, numeric(column) ? "number" : "");
    th.tabIndex = 0;
    if (sorted?.name === column) th.dataset.order = sorted.way;
    const sort = () => { sorted = {name: column, way: th.dataset.order === "1" ? -1 : 1}; heads(); draw(); };
    th.addEventListener("click", sort);
    th.addEventListener("keydown", event => { if (event.key === "Enter") sort(); });
    return th;
  }));
  const rowsOf = () => kept()[0].map(i => Object.keys(columns).map(column => columns[column][i]));
  csv.addEventListener("click", () => save(`${name}.csv`, asCsv(Object.keys(columns), rowsOf()), "text/csv"));
  tex.addEventListener("click", () => save(`${name}.tex`, asLatex(Object.keys(columns), rowsOf(), numeric), "text/x-tex"));
  input.addEventListener("input", draw);
  all.addEventListener("click", () => { most = Infinity; draw(); });
  table.append(element("thead"), body); table.tHead.append(head);
  bar.append(input, told, all, csv, tex); scroll.append(table); place.append(bar, scroll, more);
  if (!place.id) place.id = name;
  return () => {
    columns = columnsNow();
    if (columns !== drawn) { drawn = columns; heads(); draw(); } else mark();
    (place.closest("section") ?? place).hidden = false;
    place.hidden = !Object.keys(columns).length || !Object.values(columns)[0].length;
    if (place.parentElement.querySelectorAll("[data-table], figure, [data-fresh]").length === 1) place.closest("section").hidden = place.hidden;
  };
}
