// Numbers and elements as the page shows them, and files that it hands out.
const shown = v => v === null || v === undefined ? "" : v === Infinity ? "\u221e" : v === -Infinity ? "-\u221e"
  : typeof v !== "number" || Number.isInteger(v) ? String(v) : String(Number(v.toPrecision(4)));
const brief = v => v !== 0 && Math.abs(v) < 1e-3 ? Number(v.toPrecision(3)).toExponential().replace("e-", "e\u2212") : Math.abs(v) >= 1e6 ? v.toExponential(2).replace(/\.?0*e\+/, "e") : shown(v);
// What is written along a logarithmic axis: each power of ten, and of short ones its twofold and fivefold, too.
const logTick = ([low, high]) => {
  const decades = Math.log10(high / low), said = decades > 3.5 ? [1] : decades > 1.2 ? [1, 3] : [1, 2, 3, 5, 7];
  const digit = v => Math.round(v / 10 ** Math.floor(Math.log10(v) + 1e-9));
  return v => said.includes(digit(v)) ? brief(v) : "";
};
const element = (name, text, kind) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
};
function save(name, text, type) {
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([text], {type}));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
const csvCell = v => {
  const text = v === null || v === undefined ? "" : v === Infinity ? "inf" : v === -Infinity ? "-inf" : String(v);
  const safe = typeof v === "string" && /^[=+\-@\t\r]/.test(text) ? "'" + text : text;  // no formula of a spreadsheet
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};
const asCsv = (names, rows) => [names, ...rows].map(row => row.map(csvCell).join(",")).join("\n") + "\n";
const texMarks = {"\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}"};
const texCell = v => v === Infinity ? "$\\infty$" : v === -Infinity ? "$-\\infty$"
  : shown(v).replace(/[\\&%$#_{}~^]/g, mark => texMarks[mark] ?? "\\" + mark);
const asLatex = (names, rows, numeric) => `% Needs \\usepackage{booktabs}.
\\begin{tabular}{${names.map(name => numeric(name) ? "r" : "l").join("")}}
\\toprule
${names.map(texCell).join(" & ")} \\\\
\\midrule
${rows.map(row => row.map(texCell).join(" & ") + " \\\\").join("\n")}
\\bottomrule
\\end{tabular}
`;
const median = values => {
  const sorted = [...values].sort((a, b) => a - b), middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};
