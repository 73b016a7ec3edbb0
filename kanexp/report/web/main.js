// The menu, the list of arms, and what asks for news while runs go on.
function addMenu() {
  const nav = document.querySelector("nav");
  return () => {
    const sections = [...document.querySelectorAll("section[data-title]")].filter(s => !s.hidden && s.textContent.trim());
    nav.replaceChildren(...sections.map(section => {
      const link = element("a", section.dataset.title);
      link.href = `#${section.id}`;
      return link;
    }));
  };
}
function addArms() {
  const place = document.getElementById("arms"), head = element("div", undefined, "bar"), list = element("div", undefined, "armlist");
  const pick = element("select"), filter = element("input");
  pick.setAttribute("aria-label", "problem");
  pick.addEventListener("change", () => { state.problem = pick.value; redraw(); });
  filter.type = "search"; filter.placeholder = "find an arm"; filter.setAttribute("aria-label", "find an arm");
  filter.addEventListener("input", () => draw());
  const all = element("button", "all"), none = element("button", "none");
  all.addEventListener("click", () => { arms().forEach(arm => state.hidden.delete(arm)); redraw(); });
  none.addEventListener("click", () => { arms().forEach(arm => state.hidden.add(arm)); redraw(); });
  const held = element("label");
  held.append(pick);
  head.append(element("strong", "Arms"), all, none, held, filter);
  place.append(head, list);
  const draw = () => {
    fill(pick, report.problems.map(p => [p.name, p.name]));
    pick.value = state.problem;
    filter.hidden = arms().length <= 12;
    const colour = colours(), wanted = filter.value.toLowerCase();
    list.replaceChildren(...arms().filter(arm => arm.toLowerCase().includes(wanted)).map(arm => {
      const row = element("div", undefined, "arm"), box = element("input"), swatch = element("i"), name = element("button", arm);
      box.type = "checkbox"; box.checked = !state.hidden.has(arm); box.setAttribute("aria-label", `show ${arm}`);
      box.addEventListener("change", () => { box.checked ? state.hidden.delete(arm) : state.hidden.add(arm); redraw(); });
      name.addEventListener("click", () => choose(arm));
      name.title = "let this arm stand out everywhere";
      swatch.style.background = colour[arm];
      row.classList.toggle("chosen", state.chosen === arm);
      row.classList.toggle("hidden", !box.checked);
      row.append(box, swatch, name);
      return row;
    }));
  };
  return draw;
}
const markVerdicts = () => {
  for (const item of document.querySelectorAll("[data-arms]")) item.classList.toggle("chosen", state.chosen !== null && JSON.parse(item.dataset.arms).includes(state.chosen));
};

load(read("data"), read("links"));
redraws.push(addArms());
for (const place of document.querySelectorAll("[data-table]")) redraws.push(addTable(place, place.dataset.table, () => report.tables[place.dataset.table]));
redraws.push(addAxes(), addPoints(), addCurves(), addImportance(), addParallel(), addDifference(), addGallery(), markVerdicts, addMenu());
redraw();
let width = innerWidth;
addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; redraw(); } });
if (location.hash) document.querySelector(CSS.escape ? `#${CSS.escape(decodeURIComponent(location.hash.slice(1)))}` : "main")?.scrollIntoView();

if ("live" in document.body.dataset) {
  let tag = null, asked = document.getElementById("asked"), pulse = document.getElementById("pulse");
  const ask = async () => {
    const began = performance.now();
    try {
      const answer = await fetch(location.pathname, {cache: "no-store", headers: tag ? {"If-None-Match": tag} : {}});
      if (answer.status === 200) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const part of document.querySelectorAll("[data-fresh]")) part.replaceWith(document.importNode(fresh.querySelector(`[data-fresh="${part.dataset.fresh}"]`), true));
        load(JSON.parse(fresh.getElementById("data").textContent), JSON.parse(fresh.getElementById("links").textContent));
        tag = answer.headers.get("ETag");
        redraw();
      }
      pulse.className = ""; asked.textContent = `last asked at ${new Date().toLocaleTimeString("en-GB")}`;
    } catch {
      pulse.className = "gone"; asked.textContent = "kanexp watch no longer answers";
    }
    // A large page takes its time to make, which the runs need more.
    setTimeout(ask, Math.max(2000, 3 * (performance.now() - began)));
  };
  setTimeout(ask, 1000);
}
