// The figures that the runs left, side by side: one kind of all arms, or all of one arm; a click enlarges.
const KINDS = {prediction: "prediction", frames: "answers while it trains", error: "error", loss: "losses", spectra: "spectra before and after", training_spectra: "spectra over steps", layers: "layers over steps", edges: "edge functions"};

function addGallery() {
  const section = document.getElementById("gallery"), bar = element("div", undefined, "bar"), tiles = element("div", undefined, "tiles");
  const label = element("label", "show"), pick = element("select"), large = document.getElementById("large");
  pick.setAttribute("aria-label", "gallery");
  label.append(pick); bar.append(label); section.append(bar, tiles);
  const named = name => KINDS[name] ?? name.replaceAll("_", " ");
  const draw = () => {
    const here = report.pictures.filter(p => p.problem === state.problem), hidden = state.hidden;
    const kinds = [...new Set(here.map(p => p.name))], of = [...new Set(here.map(p => p.arm))];
    fill(pick, [...kinds.map(name => [`kind ${name}`, `${named(name)} of all arms`]), ...of.map(arm => [`arm ${arm}`, `all of ${arm}`])]);
    const arm = pick.value.startsWith("arm ") && pick.value.slice(4), kind = pick.value.slice(5);
    const order = new Map(arms().map((name, i) => [name, i]));
    const chosen = here.filter(p => arm ? p.arm === arm : p.name === kind && !hidden.has(p.arm)).sort((a, b) => order.get(a.arm) - order.get(b.arm));
    const several = p => chosen.filter(q => q.arm === p.arm && q.name === p.name).length > 1;
    tiles.replaceChildren(...chosen.map(p => {
      const tile = element("figure", undefined, state.chosen === p.arm ? "chosen" : ""), image = element("img");
      const said = arm ? named(p.name) : p.arm, caption = element("figcaption", several(p) ? `${said}: ${p.run}` : said);
      image.src = p.source; image.alt = `${p.name} of ${p.run}`; image.loading = "lazy";
      image.addEventListener("click", () => enlarge(p));
      tile.append(image, caption);
      return tile;
    }));
    section.hidden = !here.length;
  };
  function enlarge(p) {
    const close = element("button", "close", "tool"), image = element("img"), head = element("div", undefined, "bar");
    image.src = p.source; image.alt = `${p.name} of ${p.run}`;
    head.append(element("strong", `${named(p.name)} of ${p.arm}`), element("span", p.run), element("span", undefined, "grow"));
    if (links[p.run]) for (const kind of ["svg", "csv"]) {
      const link = element("a", kind.toUpperCase());
      link.href = `${links[p.run]}figures/${p.name}.${kind}`; link.download = "";
      head.append(link);
    }
    head.append(close);
    close.addEventListener("click", () => large.close());
    large.replaceChildren(head, image);
    large.showModal();
  }
  pick.addEventListener("change", draw);
  return draw;
}
