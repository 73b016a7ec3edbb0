// A figure with its controls: drawn by Observable Plot into the width there is, handed out as SVG and CSV.
function addFigure(section, name, draw) {  // draw(width) gives {plot, names, rows}, or null where there is nothing to draw
  const figure = element("figure"), bar = element("div", undefined, "bar"), place = element("div"), said = element("figcaption");
  const svg = element("button", "SVG"), csv = element("button", "CSV");
  figure.id = `figure-${name}`;
  let now = null;
  svg.addEventListener("click", () => now && save(`${name}.svg`, asSvg(now.plot), "image/svg+xml"));
  csv.addEventListener("click", () => now && save(`${name}.csv`, asCsv(now.names, now.rows), "text/csv"));
  const grow = element("span", undefined, "grow");
  bar.append(grow, svg, csv);
  figure.append(bar, place, said); section.append(figure);
  const add = (label, control) => {
    const held = element("label");
    control.type === "checkbox" ? held.append(control, label) : held.append(label, control);
    bar.insertBefore(held, grow);
    return control;
  };
  const paint = () => {
    section.hidden = false;
    now = draw(place.clientWidth);
    section.hidden = now === null;
    place.replaceChildren(...(now ? [now.plot] : []));
    said.textContent = now?.caption ?? "";
    if (now?.click) now.plot.addEventListener("click", () => { if (now.plot.value) now.click(now.plot.value); });
  };
  return {
    paint,
    figure,
    bar,
    choice(label, options) {  // [[value, text]], or none yet
      const made = add(label, element("select"));
      made.setAttribute("aria-label", label);
      fill(made, options);
      made.addEventListener("change", paint);
      return made;
    },
    check(label, on) {
      const made = element("input");
      made.type = "checkbox"; made.checked = on;
      made.addEventListener("change", paint);
      return add(label, made);
    },
    slide(label, most) {
      const made = element("input");
      made.type = "range"; made.min = 0; made.max = most; made.value = 0; made.setAttribute("aria-label", label);
      made.addEventListener("input", paint);
      return add(label, made);
    },
  };
}
function fill(select, options) {  // anew, with what was chosen kept where it is still there
  const kept = select.value;
  select.replaceChildren(...options.map(([value, text]) => { const made = element("option", text); made.value = value; return made; }));
  if (options.some(([value]) => String(value) === kept)) select.value = kept;
  select.parentElement.hidden = options.length < 2;
}
function asSvg(plot) {
  const copy = (plot.matches("svg") ? plot : plot.querySelector("svg")).cloneNode(true);
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  for (const tip of copy.querySelectorAll("[aria-label=tip]")) tip.remove();
  const paper = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const [key, value] of [["width", "100%"], ["height", "100%"], ["fill", "white"]]) paper.setAttribute(key, value);
  copy.insertBefore(paper, copy.firstChild);
  return new XMLSerializer().serializeToString(copy);
}
const cut = (text, most) => text.length <= most ? text : text.slice(0, most - 1) + "\u2026";
// Names of arms as coloured lines of text, right of the frame, or below it where the page is narrow.
function legend(names, width) {
  const narrow = width < 620, letters = narrow ? Math.floor(width / 7) : 30, step = 15;
  const room = narrow ? 0 : Math.min(230, 24 + 6.4 * Math.max(0, ...names.map(name => Math.min(name.length, letters))));
  const colour = colours();
  const marks = names.flatMap((name, i) => [Plot.text([name], {
    text: [`\u2014 ${cut(name, letters)}`], frameAnchor: narrow ? "bottom-left" : "top-right", textAnchor: "start",
    dx: narrow ? -30 : 10, dy: narrow ? 48 + step * i : 4 + step * i, fill: colour[name] ?? "#222", fontSize: 12,
    fillOpacity: Math.max(0.4, faint(name)), fontWeight: state.chosen === name ? "bold" : "normal",
  })]);
  return {marks, marginRight: narrow ? 14 : room, marginBottom: narrow ? 54 + step * names.length : 40, height: narrow ? step * names.length : Math.max(0, step * names.length - 280)};
}
