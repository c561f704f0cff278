"use strict";
// The map and the sample browser. All text from the data goes through textContent; nothing is fetched.
(() => {
  const byId = (id) => document.getElementById(id);
  const read = (id) => JSON.parse(byId(id).textContent);
  const core = read("data-core");
  document.documentElement.classList.add("scripted");

  function make(tag, className, text) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  }

  function fill(select, values, first) {
    if (first !== undefined) select.append(new Option(first, ""));
    for (const [value, text] of values) select.append(new Option(text, value));
  }

  const measureName = (measure) => (measure === "mean" ? "mean of four" : measure);

  // ---- leaderboard: a press on a column sorts by it -------------------------------------------------------------

  function startSorting(table) {
    const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
    heads.forEach((head, column) => {
      const press = make("button", "", head.textContent);
      press.type = "button";
      head.replaceChildren(press);
      press.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") !== "descending" && column > 0 || head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const order = [...body.rows].sort((a, b) => compareCells(a.cells[column], b.cells[column]));
        body.append(...(down ? order.reverse() : order));
      });
    });
  }

  function compareCells(a, b) {
    if (a.dataset.value === undefined) return a.textContent.localeCompare(b.textContent);
    const number = (cell) => (cell.dataset.value === "" ? -Infinity : Number(cell.dataset.value));
    return number(a) - number(b);
  }

  document.querySelectorAll("table.scores").forEach(startSorting);

  // ---- map of countries -------------------------------------------------------------------------------------

  const PLACES = { // country: [code, column, row]
    France: ["FR", 3, 1], Russia: ["RU", 6, 1],
    Mexico: ["MX", 1, 2], Morocco: ["MA", 3, 2], Egypt: ["EG", 4, 2], Iran: ["IR", 6, 2], China: ["CN", 8, 2], Japan: ["JP", 9, 2],
    Nigeria: ["NG", 3, 3], Ethiopia: ["ET", 4, 3], "Saudi Arabia": ["SA", 5, 3], India: ["IN", 7, 3], Thailand: ["TH", 8, 3],
    Brazil: ["BR", 2, 4], Indonesia: ["ID", 8, 4], Argentina: ["AR", 2, 5],
  };

  function startMap(openCountry) {
    const run = byId("map-run"), measure = byId("map-measure"), map = byId("map");
    fill(run, core.models.map((name, place) => [place, name]));
    fill(measure, core.measures.map((name) => [name, measureName(name)]));
    measure.value = "compliance";
    const draw = () => map.replaceChildren(...tiles(core.countries[run.value], measure.value, openCountry));
    run.addEventListener("change", draw);
    measure.addEventListener("change", draw);
    draw();
  }

  function tiles(countries, measure, openCountry) {
    const names = [...new Set([...Object.keys(PLACES), ...Object.keys(countries)])].sort();
    return names.map((country) => tile(country, countries[country]?.[measure], openCountry));
  }

  function tile(country, score, openCountry) {
    const [code, column, row] = PLACES[country] || [country.slice(0, 3), "auto", "auto"];
    const element = make(score && openCountry ? "button" : "div", `tile step-${step(score)}`);
    element.append(make("span", "code", code));
    element.style.gridColumn = column;
    element.style.gridRow = row;
    if (!score) {
      element.setAttribute("aria-hidden", "true");
      return element;
    }
    element.append(make("span", "value", score.short), make("span", "n", `n ${score.n}`));
    element.title = `${country}: ${score.text}, n ${score.n}`;
    element.setAttribute("aria-label", element.title);
    if (openCountry) element.addEventListener("click", () => openCountry(country));
    else element.setAttribute("role", "img");
    return element;
  }

  function step(score) {
    if (!score) return "absent";
    return score.mean === null ? "none" : Math.min(4, Math.floor(score.mean / 20));
  }

  if (!core.samples) {
    startMap(null);
    return;
  }

  // ---- the texts of a run, read when they are needed ----------------------------------------------------------

  const { samples, norms, images, dimensions, verdicts, flags, violations, codes, models } = core;
  const texts = models.map(() => null);
  const lowered = models.map(() => null);
  const ours = samples.map((s) => `${s.id}\n${s.query}\n${norms[s.norm]}`.toLowerCase());
  const textsOf = (run) => (texts[run] ??= read(`data-run-${run}`));
  const loweredOf = (run) => (lowered[run] ??= textsOf(run).answers.map((answer) => (answer === null ? "" : answer.toLowerCase())));
  let loaded = false; // this script runs before the browser has read the answers, which may be many megabytes
  const whenIdle = window.requestIdleCallback || ((work) => setTimeout(work, 50));
  const readAhead = (run) => run < models.length && whenIdle(() => { loweredOf(run); readAhead(run + 1); });

  // ---- filters ----------------------------------------------------------------------------------------------

  const form = byId("filters"), search = byId("search");
  const country = byId("filter-country"), language = byId("filter-language"), dimension = byId("filter-dimension");
  const run = byId("filter-run"), outcome = byId("filter-outcome");
  const distinct = (key) => [...new Set(samples.map((sample) => sample[key]))].sort().map((value) => [value, value]);
  fill(country, distinct("country"), "all");
  fill(language, distinct("language"), "all");
  fill(dimension, dimensions.map((name, place) => [place, name]), "any");
  fill(run, models.map((name, place) => [place, name]), "any");

  const letter = (model, row, place) => verdicts[model][row * dimensions.length + place];
  const isFailure = (verdict) => verdict >= "a";

  function disagree(row, runs, places) {
    const all = models.map((_, model) => model);
    return places.some((place) => runs.some((one) => all.some((other) => {
      const pair = letter(one, row, place) + letter(other, row, place);
      return pair === "01" || pair === "10";
    })));
  }

  function outcomeTest() {
    const wanted = outcome.value;
    const runs = run.value === "" ? models.map((_, model) => model) : [Number(run.value)];
    const places = dimension.value === "" ? dimensions.map((_, place) => place) : [Number(dimension.value)];
    const some = (row, test) => runs.some((model) => places.some((place) => test(letter(model, row, place))));
    if (wanted === "disagree") return (row) => disagree(row, runs, places);
    if (wanted === "flagged") return (row) => runs.some((model) => flags[model][row]);
    if (wanted === "failed") return (row) => some(row, isFailure);
    if (wanted !== "") return (row) => some(row, (verdict) => verdict === wanted);
    return (row) => runs.some((model) => letter(model, row, 0) !== ".");
  }

  function searchTest() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return () => true;
    const hays = loaded ? models.map((_, model) => loweredOf(model)) : [];
    return (row) => words.every((word) => ours[row].includes(word) || hays.some((hay) => hay[row].includes(word)));
  }

  function filtered() {
    const hasOutcome = outcomeTest(), hasWords = searchTest();
    return samples.map((_, row) => row).filter((row) =>
      (!country.value || samples[row].country === country.value) &&
      (!language.value || samples[row].language === language.value) &&
      hasOutcome(row) && hasWords(row));
  }

  // ---- list: only the rows in sight exist ---------------------------------------------------------------------

  const HEIGHT = 56, MARGIN = 6;
  const list = byId("list"), inner = byId("list-inner"), found = byId("found"), detail = byId("detail");
  inner.setAttribute("role", "presentation");
  let shown = [], selected = null;

  function applyFilters() {
    shown = filtered();
    found.textContent = `${shown.length.toLocaleString("en")} of ${samples.length.toLocaleString("en")} samples`;
    inner.style.height = `${shown.length * HEIGHT}px`;
    if (!shown.includes(selected)) list.scrollTop = 0;
    drawList();
  }

  function drawList() {
    const first = Math.max(0, Math.floor(list.scrollTop / HEIGHT) - MARGIN);
    const last = Math.min(shown.length, Math.ceil((list.scrollTop + list.clientHeight) / HEIGHT) + MARGIN);
    const rows = [];
    for (let place = first; place < last; place++) rows.push(listRow(place));
    inner.replaceChildren(...rows);
    const current = shown.indexOf(selected);
    if (current >= first && current < last) list.setAttribute("aria-activedescendant", `row-${selected}`);
    else list.removeAttribute("aria-activedescendant");
  }

  function listRow(place) {
    const row = shown[place], sample = samples[row], element = make("div", "row"), title = make("div", "title");
    const query = make("div", "query", sample.query.slice(0, 160));
    element.id = `row-${row}`;
    element.style.top = `${place * HEIGHT}px`;
    element.setAttribute("role", "option");
    element.setAttribute("aria-selected", String(row === selected));
    element.setAttribute("aria-setsize", String(shown.length));
    element.setAttribute("aria-posinset", String(place + 1));
    query.dir = "auto";
    query.lang = sample.lang;
    title.append(make("span", "", `${sample.country} · ${sample.language} · ${sample.subset}`), marks(row));
    element.append(title, query);
    element.addEventListener("click", () => select(row));
    return element;
  }

  const MARKS = { 1: "●", 0: "✕" };

  function marks(row) {
    const place = dimension.value === "" ? dimensions.indexOf("compliance") : Number(dimension.value);
    const strip = make("span", "marks");
    const seen = models.map((_, model) => letter(model, row, place));
    for (const verdict of seen) {
      if (verdict === ".") continue;
      strip.append(make("span", isFailure(verdict) ? "mark-failed" : `mark-${verdict}`, MARKS[verdict] || "?"));
    }
    const count = (wanted) => seen.filter((verdict) => verdict === wanted).length;
    strip.title = `${dimensions[place]}: ${count("1")} good, ${count("0")} bad, ${seen.filter(isFailure).length} without a verdict`;
    return strip;
  }

  // ---- one sample ---------------------------------------------------------------------------------------------

  function says(text, className, lang) {
    const element = make("p", `says ${className || ""}`, text);
    element.dir = "auto";
    if (lang) element.lang = lang;
    return element;
  }

  function picture(sample) {
    if (sample.image >= 0) {
      const image = make("img");
      image.src = images[sample.image];
      image.alt = "The picture that the model was shown";
      return image;
    }
    return make("div", "no-image", core.imagesLeftOut ? "Images are left out of this page." : "The image is not prepared on the machine that wrote this page.");
  }

  function drawDetail(row) {
    const sample = samples[row], scene = make("div", "scene"), words = make("div"), answers = make("div", "answers");
    words.append(make("p", "eyebrow", "The request"), says(sample.query, "query-text", sample.lang),
      make("p", "eyebrow", "The norm that the obvious answer breaks"), says(norms[sample.norm], "norm-text"));
    scene.append(picture(sample), words);
    if (loaded) models.forEach((_, model) => answers.append(answerCard(model, row)));
    else answers.append(make("p", "facts", "The answers are being read."));
    const wording = sample.setting === "english" ? `wording ${sample.wording}` : "translated";
    detail.replaceChildren(make("h3", "", sample.id),
      make("p", "facts", `${sample.country} · ${sample.language} · ${sample.subset} · ${wording}`), scene, answers);
  }

  function answerCard(model, row) {
    const card = make("article", "answer"), { answers, told } = textsOf(model), signs = flags[model][row];
    card.append(make("h4", "", models[model]));
    if (answers[row] === null) {
      card.append(make("p", "facts", "This run has no answer to this sample."));
      return card;
    }
    card.append(chips(model, row));
    if (signs) card.append(make("p", "flag", `Suspected injection; the answer holds: ${signs.join(", ")}.`));
    const answer = says(answers[row]);
    answer.tabIndex = 0;
    answer.setAttribute("role", "region");
    answer.setAttribute("aria-label", `Answer of ${models[model]}`);
    card.append(answer, rationale(model, row, told[row]));
    return card;
  }

  function chips(model, row) {
    const strip = make("ul", "chips");
    dimensions.forEach((name, place) => {
      const verdict = letter(model, row, place), failed = isFailure(verdict);
      const text = failed ? `${name} ? ${codes[verdict]}` : `${name} ${verdict === "1" ? "● yes" : "✕ no"}`;
      strip.append(make("li", `chip ${failed ? "failed" : `mark-${verdict}`}`, text));
    });
    return strip;
  }

  // The official rubric has the judge score the violation, so that its "Score: 0" is compliance 1.
  function judgedAs(model, row, place) {
    const { subset, setting } = samples[row], verdict = letter(model, row, place), name = dimensions[place];
    if (name !== "compliance" || isFailure(verdict) || !violations[model].includes(`${subset}/${setting}`)) return name;
    return `violation ${1 - verdict} → compliance ${verdict}`;
  }

  function rationale(model, row, told) {
    const more = make("details"), common = told.length === 1;
    more.append(make("summary", "", "What the judge said"));
    told.forEach((text, place) => {
      const words = says(text);
      words.tabIndex = 0;
      words.setAttribute("role", "region");
      words.setAttribute("aria-label", `Judge on ${common ? "all dimensions" : dimensions[place]}`);
      more.append(make("p", "eyebrow", common ? "on all four" : judgedAs(model, row, place)), words);
    });
    return more;
  }

  // ---- moves, links and keys ------------------------------------------------------------------------------------

  const link = (row) => `#sample=${encodeURIComponent(samples[row].id)}`;

  function select(row, inAddress = true) {
    selected = row;
    const top = shown.indexOf(row) * HEIGHT;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + HEIGHT > list.scrollTop + list.clientHeight) list.scrollTop = top + HEIGHT - list.clientHeight;
    drawList();
    drawDetail(row);
    if (inAddress) history.replaceState(null, "", link(row));
  }

  function move(steps) {
    if (!shown.length) return;
    const at = shown.indexOf(selected);
    select(shown[Math.min(shown.length - 1, Math.max(0, at < 0 ? 0 : at + steps))]);
  }

  function openLink() {
    if (!location.hash.startsWith("#sample=")) return false;
    let wanted;
    try { wanted = decodeURIComponent(location.hash.slice("#sample=".length)); } catch { return false; }
    const row = samples.findIndex((sample) => sample.id === wanted);
    if (row < 0) return false;
    if (!shown.includes(row)) { form.reset(); applyFilters(); }
    select(row, false);
    byId("samples").scrollIntoView();
    return true;
  }

  function openCountry(name) {
    form.reset();
    country.value = name;
    applyFilters();
    if (shown.length) select(shown[0]);
    byId("samples").scrollIntoView();
  }

  const KEYS = { j: 1, k: -1 }, LIST_KEYS = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8, Home: -Infinity, End: Infinity };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target instanceof Element && event.target.matches("input, select, textarea");
    if (typing) {
      if (event.key === "Escape") { event.target.blur(); list.focus({ preventScroll: true }); }
      return;
    }
    const steps = KEYS[event.key] ?? (document.activeElement === list ? LIST_KEYS[event.key] : undefined);
    if (steps !== undefined) { event.preventDefault(); move(steps); }
    if (event.key === "/") { event.preventDefault(); search.focus(); search.select(); }
  });

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", applyFilters);
  form.addEventListener("reset", () => setTimeout(applyFilters));
  list.addEventListener("scroll", () => requestAnimationFrame(drawList));
  window.addEventListener("resize", drawList);
  window.addEventListener("hashchange", openLink);

  startMap(openCountry);
  applyFilters();
  if (!openLink() && shown.length) select(shown[0], false);
  document.addEventListener("DOMContentLoaded", () => {
    loaded = true;
    if (search.value) applyFilters();
    if (selected !== null) drawDetail(selected);
    readAhead(0);
  });
})();
