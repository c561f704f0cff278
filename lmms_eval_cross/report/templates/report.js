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

  // ---- levels, and differences from any run: one scale of colours for each -------------------------------------

  const LEVELS = 9, BOUNDS = [2, 6, 12, 20]; // points, at which a difference takes the next colour

  const levelClass = (mean) => `level-${Math.min(LEVELS - 1, Math.floor((mean / 100) * LEVELS))}`;
  const deltaClass = (points) => `delta-${4 + Math.sign(points) * BOUNDS.filter((bound) => Math.abs(points) >= bound).length}`;
  const signed = (points) => `${points > 0 ? "+" : points < 0 ? "−" : ""}${Math.abs(points).toFixed(1)}`;

  // What a cell says: a level, or its difference from the run `against`, where the two can be compared.
  function shade(mean, run, against, other) {
    if (mean === undefined || mean === null) return { text: "–", className: "step-none" };
    if (against === "") return { text: mean.toFixed(1), className: levelClass(mean) };
    if (core.groups[run] !== core.groups[against] || other === undefined || other === null) return { text: "–", className: "step-none" };
    return { text: signed(mean - other), className: deltaClass(mean - other) };
  }

  function fillAgainst(select) {
    fill(select, core.models.map((name, place) => [place, `difference from ${name}`]), "level");
  }

  function drawLegend(place, against) {
    const steps = against === "" ? [0, 11, 22, 33, 44, 56, 67, 78, 89].map((low) => [levelClass(low + 1), low])
      : [-20, -12, -6, -2, 0, 2, 6, 12, 20].map((points) => [deltaClass(points), signed(points).replace(".0", "")]);
    place.replaceChildren(...steps.map(([className, text]) => make("span", `tile ${className}`, text)));
  }

  // ---- what is not seen lies packed: HTML that the page's writer has escaped ------------------------------------

  async function unpack(template) {
    const html = await inflate(template.dataset.packed);
    return new DOMParser().parseFromString(html, "text/html").body;
  }

  // The rows of a table that is closed are made when it is opened, or when the page is about to be searched.
  function startDetails(details) {
    let asked = false;
    const open = async () => {
      if (asked) return;
      asked = true;
      const template = details.querySelector("template");
      template.replaceWith(...(await unpack(template)).childNodes);
      details.dispatchEvent(new Event("made", { bubbles: true }));
    };
    details.addEventListener("toggle", open);
    document.addEventListener("keydown", (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key === "f") open();
    });
  }

  document.querySelectorAll("details.later").forEach(startDetails);

  // A chart that was drawn for each measure: gives what shows the one of a measure, in place of the one before.
  function figuresOf(place) {
    const holder = document.querySelector(place);
    if (!holder) return () => {};
    const figures = { compliance: holder.querySelector("figure") };
    let wanted;
    return async (measure) => {
      wanted = measure;
      figures[measure] ??= (await unpack(holder.querySelector(`template[data-measure="${measure}"]`))).firstElementChild;
      if (wanted === measure) holder.querySelector("figure").replaceWith(figures[measure]);
    };
  }

  function startMap(openCountry) {
    const run = byId("map-run"), measure = byId("map-measure"), against = byId("map-against"), map = byId("map");
    fill(run, core.models.map((name, place) => [place, name]));
    fill(measure, core.measures.map((name) => [name, measureName(name)]));
    fillAgainst(against);
    measure.value = "compliance";
    const showFigure = figuresOf("#countries .by-measure");
    const draw = () => {
      showFigure(measure.value);
      map.replaceChildren(...tiles(Number(run.value), measure.value, against.value, openCountry));
      drawLegend(byId("map-legend"), against.value);
    };
    for (const select of [run, measure, against]) select.addEventListener("change", draw);
    draw();
    startHeat();
    startNorms();
  }

  function tiles(run, measure, against, openCountry) {
    const countries = core.countries[run];
    const names = [...new Set([...Object.keys(PLACES), ...Object.keys(countries)])].sort();
    return names.map((country) => {
      const other = against === "" ? null : core.countries[against][country]?.[measure]?.mean;
      return tile(country, countries[country]?.[measure], (mean) => shade(mean, run, against, other), openCountry);
    });
  }

  function tile(country, score, shadeOf, openCountry) {
    const [code, column, row] = PLACES[country] || [country.slice(0, 3), "auto", "auto"];
    const look = score ? shadeOf(score.mean) : { className: "step-absent" };
    const element = make(score && openCountry ? "button" : "div", `tile ${look.className}`);
    element.append(make("span", "code", code));
    element.style.gridColumn = column;
    element.style.gridRow = row;
    if (!score) {
      element.setAttribute("aria-hidden", "true");
      return element;
    }
    element.append(make("span", "value", look.text), make("span", "n", `n ${score.n}`));
    element.title = `${country}: ${look.text}; level ${score.text}, n ${score.n}`;
    element.setAttribute("aria-label", element.title);
    if (openCountry) element.addEventListener("click", () => openCountry(country));
    else element.setAttribute("role", "img");
    return element;
  }

  // ---- languages: a row a language, a column a run ---------------------------------------------------------------

  function startHeat() {
    const measure = byId("heat-measure"), against = byId("heat-against"), table = byId("heat");
    fill(measure, core.measures.map((name) => [name, measureName(name)]));
    fillAgainst(against);
    measure.value = "compliance";
    const head = table.createTHead().insertRow(), body = table.createTBody();
    for (const name of ["language", ...core.models]) head.append(columnHead(name));
    const names = [...new Set(core.languages.flatMap(Object.keys))].sort();
    const showFigure = figuresOf("#slices .by-measure.language");
    const draw = () => {
      showFigure(measure.value);
      body.replaceChildren(...names.map((name) => heatRow(name, measure.value, against.value)));
    };
    for (const select of [measure, against]) select.addEventListener("change", draw);
    draw();
  }

  function columnHead(name) {
    const cell = make("th", "", name);
    cell.scope = "col";
    return cell;
  }

  function heatRow(language, measure, against) {
    const row = make("tr"), name = make("th", "", language);
    name.scope = "row";
    row.append(name);
    const other = against === "" ? null : core.languages[against][language]?.[measure]?.mean;
    core.models.forEach((label, run) => {
      const score = core.languages[run][language]?.[measure], look = shade(score?.mean, run, against, other);
      const cell = make("td", look.className, look.text);
      cell.dataset.label = label;
      if (score) cell.title = `${score.text}, n ${score.n}`;
      row.append(cell);
    });
    return row;
  }

  // ---- norms: a column a run ------------------------------------------------------------------------------------

  function startNorms() {
    const section = byId("norms"), against = byId("norms-against");
    fillAgainst(against);
    const draw = () => section.querySelectorAll("tbody tr").forEach((row) => shadeNorm([...row.querySelectorAll("[data-run]")], against.value));
    against.addEventListener("change", draw);
    section.addEventListener("made", draw);
    draw();
  }

  function shadeNorm(cells, against) {
    const means = cells.map((cell) => (cell.dataset.value === "" ? null : Number(cell.dataset.value)));
    cells.forEach((cell, run) => {
      const look = shade(means[run], run, against, against === "" ? null : means[against]);
      cell.textContent = look.text;
      cell.className = look.className;
    });
  }

  if (!core.samples) {
    startMap(null);
    return;
  }

  // ---- the texts of a run: compressed in blocks of rows, read when they are seen --------------------------------

  const { samples, norms, images, dimensions, verdicts, flags, violations, codes, models, batches, rowsInBlock } = core;
  const BLOCKS_KEPT = 40;
  const stores = models.map(() => null), lowered = models.map(() => null), pending = new Set();
  const decoded = new Map(); // "run/block" -> {answers, told}; the oldest go first
  const ours = samples.map((s) => `${s.id}\n${s.query}\n${norms[s.norm]}`.toLowerCase());
  // This script runs before the browser has read the answers, which may be many megabytes.
  const isHere = (run) => document.readyState !== "loading" || byId(`data-run-${run + 1}`) !== null;
  const whenIdle = window.requestIdleCallback || ((work) => setTimeout(work, 50));

  function storeOf(run) {
    if (!stores[run] && isHere(run)) stores[run] = read(`data-run-${run}`);
    return stores[run];
  }

  // Without Blob and Response, which wait for other tasks: the first answers are drawn before the page is parsed further.
  async function inflate(text) {
    const letters = atob(text), bytes = new Uint8Array(letters.length), decoder = new TextDecoder();
    for (let at = 0; at < letters.length; at++) bytes[at] = letters.charCodeAt(at);
    const stream = new DecompressionStream("deflate"), writer = stream.writable.getWriter(), reader = stream.readable.getReader();
    const written = Promise.all([writer.write(bytes), writer.close()]);
    let json = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) json += decoder.decode(part.value, { stream: true });
    await written;
    return JSON.parse(json + decoder.decode());
  }

  // A block of a run, or null while it is on its way; `then` is called when it has come.
  function blockOf(run, number, then) {
    const key = `${run}/${number}`, early = number === 0 ? core.first[run] : undefined;
    if (decoded.has(key)) return decoded.get(key);
    const packed = early ?? storeOf(run)?.[number]; // the first block of the first columns stands before all others
    if (packed === undefined) return null;
    if (typeof packed !== "string") return packed;
    if (pending.has(key)) return null;
    pending.add(key);
    inflate(packed).then((block) => {
      decoded.set(key, block);
      pending.delete(key);
      if (decoded.size > BLOCKS_KEPT) decoded.delete(decoded.keys().next().value);
      then();
    });
    return null;
  }

  function textOf(run, row) {
    const block = blockOf(run, Math.floor(row / rowsInBlock), () => { if (selected !== null) drawDetail(selected); });
    return block && { answer: block.answers[row % rowsInBlock], told: block.told[row % rowsInBlock] };
  }

  const small = (answer) => (answer === null ? "" : answer.toLowerCase());

  async function readAhead(run) {
    if (run >= models.length) return;
    const texts = [];
    for (const packed of storeOf(run)) {
      const block = typeof packed === "string" ? await inflate(packed) : packed;
      texts.push(...block.answers.map(small));
    }
    lowered[run] = texts;
    if (search.value) applyFilters();
    whenIdle(() => readAhead(run + 1));
  }

  function loweredOf(run) {
    const store = storeOf(run);
    if (lowered[run] || !store || store.some((block) => typeof block === "string")) return lowered[run];
    return (lowered[run] = store.flatMap((block) => block.answers.map(small)));
  }

  // ---- filters ----------------------------------------------------------------------------------------------

  const form = byId("filters"), search = byId("search");
  const FACETS = ["country", "language", "norm", "subset", "setting", "wording"];
  const further = new Map(core.facets.map(([name, values]) => [`facet.${name}`, values])); // those of --facets
  const FIELDS = [...FACETS, ...further.keys(), "dimension", "run", "outcome", "sort"];
  const controlOf = (name) => byId(further.has(name) ? `filter-facet-${[...further.keys()].indexOf(name)}` : `filter-${name}`);
  const filters = Object.fromEntries(FIELDS.map((name) => [name, controlOf(name)]));
  const facetOf = (row, name) => (further.has(name) ? further.get(name)[row] : String(samples[row][name]));
  const { dimension, run, outcome } = filters;
  const distinct = (name) => [...new Set(samples.map((_, row) => facetOf(row, name)))].filter((value) => value !== null);
  for (const name of [...FACETS, ...further.keys()]) {
    if (name !== "norm") fill(filters[name], distinct(name).sort().map((value) => [value, value]), "all");
  }
  fill(filters.norm, norms.map((text, place) => [place, text.slice(0, 70)]), "all");
  fill(dimension, dimensions.map((name, place) => [place, name]), "any");
  fill(run, models.map((name, place) => [place, name]), "any");

  const letter = (model, row, place) => verdicts[model][row * dimensions.length + place];
  const isFailure = (verdict) => verdict >= "a";
  const wantedPlaces = () => (dimension.value === "" ? dimensions.map((_, place) => place) : [Number(dimension.value)]);

  function disagree(row, runs, places) {
    return places.some((place) => {
      const seen = models.map((_, model) => letter(model, row, place));
      const good = seen.includes("1"), bad = seen.includes("0");
      return good && bad && runs.some((one) => seen[one] === "1" || seen[one] === "0");
    });
  }

  function outcomeTest() {
    const wanted = outcome.value, places = wantedPlaces();
    const runs = run.value === "" ? models.map((_, model) => model) : [Number(run.value)];
    const some = (row, test) => runs.some((model) => places.some((place) => test(letter(model, row, place))));
    if (wanted === "disagree") return (row) => disagree(row, runs, places);
    if (wanted === "flagged") return (row) => runs.some((model) => flags[model][row]);
    if (wanted === "marked") return (row) => runs.some((model) => marksOf(model, row));
    if (wanted === "failed") return (row) => some(row, isFailure);
    if (wanted !== "") return (row) => some(row, (verdict) => verdict === wanted);
    return (row) => runs.some((model) => letter(model, row, 0) !== ".");
  }

  function searchTest() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return () => true;
    const hays = models.map((_, model) => loweredOf(model)).filter(Boolean);
    return (row) => words.every((word) => ours[row].includes(word) || hays.some((hay) => hay[row].includes(word)));
  }

  const equalTo = (name) => {
    const wanted = filters[name].value;
    return wanted === "" ? null : (row) => facetOf(row, name) === wanted;
  };

  function filtered() {
    const tests = [...FACETS, ...further.keys()].map(equalTo).filter(Boolean);
    tests.push(outcomeTest(), searchTest());
    const rows = samples.map((_, row) => row).filter((row) => tests.every((test) => test(row)));
    const weight = { disagreement: disagreement, loss: loss }[filters.sort.value];
    if (!weight) return rows;
    const places = wantedPlaces(), weights = rows.map((row) => [weight(row, places), row]);
    return weights.sort((a, b) => b[0] - a[0] || a[1] - b[1]).map(([, row]) => row);
  }

  // How evenly the runs are split, summed over dimensions.
  function disagreement(row, places) {
    let total = 0;
    for (const place of places) {
      const seen = models.map((_, model) => letter(model, row, place));
      total += Math.min(seen.filter((one) => one === "1").length, seen.filter((one) => one === "0").length);
    }
    return total;
  }

  // Verdicts that the first run has good and others bad, less the reverse.
  function loss(row, places) {
    let total = 0;
    for (const place of places) {
      const first = letter(0, row, place);
      for (let model = 1; model < models.length; model++) {
        const pair = first + letter(model, row, place);
        total += pair === "10" ? 1 : pair === "01" ? -1 : 0;
      }
    }
    return total;
  }

  // ---- marks: kept in this browser alone -------------------------------------------------------------------------

  const KEPT = `cross-marks-${document.querySelector("meta[name=report-mark]").content}`;
  const marked = readMarks();
  const markKey = (model, row) => `${models[model]}\n${samples[row].id}`;
  const marksOf = (model, row) => marked[markKey(model, row)];

  function readMarks() {
    try { return JSON.parse(localStorage.getItem(KEPT)) || {}; } catch { return {}; }
  }

  function mark(model, row, change) {
    const key = markKey(model, row), now = { ...marked[key], ...change };
    if (Object.values(now).some(Boolean)) marked[key] = now;
    else delete marked[key];
    try { localStorage.setItem(KEPT, JSON.stringify(marked)); } catch { /* a browser that keeps nothing keeps them until it closes */ }
  }

  function markForm(model, row) {
    const box = make("details", "mark"), fields = make("div", "mark-fields");
    box.append(make("summary", "", marksOf(model, row) ? "Your mark ✎" : "Mark"), fields);
    for (const name of dimensions) {
      const select = make("select");
      fill(select, [["", "–"], ["1", "1"], ["0", "0"], ["?", "?"]]);
      fields.append(markField(name, select, model, row, name));
    }
    fields.append(markField("tag", make("input"), model, row, "tag"), markField("comment", make("input"), model, row, "comment"));
    return box;
  }

  function markField(title, input, model, row, name) {
    const label = make("label", "", title);
    input.value = marksOf(model, row)?.[name] || "";
    input.addEventListener("input", () => mark(model, row, { [name]: input.value }));
    label.append(input);
    return label;
  }

  function cell(text) {
    const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
  }

  // As `label import RUN marks.csv` reads it: a row an answer of one run.
  function marksTable(model) {
    const lines = [["batch", "annotator", "sample_id", ...dimensions, "note"]], who = byId("annotator").value.trim() || "me";
    samples.forEach((sample, row) => {
      const found = marksOf(model, row);
      if (!found) return;
      const note = [found.tag, found.comment].filter(Boolean).join(": ");
      lines.push([batches[model], who, sample.id, ...dimensions.map((name) => found[name] || ""), note]);
    });
    return lines.map((line) => line.map(cell).join(",")).join("\n") + "\n";
  }

  byId("export").addEventListener("click", () => {
    const model = run.value === "" ? columns[0] : Number(run.value), link = make("a");
    link.href = URL.createObjectURL(new Blob([marksTable(model)], { type: "text/csv" }));
    link.download = `marks-${models[model].replace(/[^\w.-]/g, "_")}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });

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
    title.append(make("span", "", `${sample.country} · ${sample.language} · ${sample.subset}`), verdictMarks(row));
    element.append(title, query);
    element.addEventListener("click", () => select(row));
    return element;
  }

  const MARKS = { 1: "●", 0: "✕" };

  function verdictMarks(row) {
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

  // ---- Markdown and differences: every letter stays, so that what is shown is what was said -----------------------

  const LONGEST_LINE = 4000; // longer ones are shown as they are
  const INLINE = /(\*\*|__)(?=\S)([^\n]{1,400}?)(?<=\S)\1|`([^`\n]{1,400})`|\*(?=[^\s*])([^*\n]{1,400}?)(?<=\S)\*/g;

  function inline(text, into) {
    let last = 0;
    const sign = (letters) => into.append(make("span", "md-sign", letters));
    for (const match of text.length > LONGEST_LINE ? [] : text.matchAll(INLINE)) {
      into.append(text.slice(last, match.index));
      const [all, strong, bold, code, italic] = match, signs = strong || (code === undefined ? "*" : "`");
      sign(signs);
      into.append(make(strong ? "strong" : code === undefined ? "em" : "code", "", bold ?? code ?? italic));
      sign(signs);
      last = match.index + all.length;
    }
    into.append(text.slice(last));
  }

  function markdown(text, into) {
    let fenced = false;
    for (const line of text.split(/(?<=\n)/)) {
      const lead = line.length > LONGEST_LINE ? null : /^(\s{0,3}#{1,6} +|\s*(?:[-*+]|\d{1,3}[.)]) +|> ?|\s*```)/.exec(line);
      if (lead && lead[0].endsWith("```")) { fenced = !fenced; into.append(make("span", "md-sign", line)); continue; }
      if (fenced) { into.append(make("code", "", line)); continue; }
      if (!lead) { inline(line, into); continue; }
      const heading = lead[0].includes("#"), part = make(heading ? "strong" : "span", heading ? "md-head" : "");
      into.append(make("span", heading ? "md-sign" : "md-bullet", lead[0]));
      inline(line.slice(lead[0].length), part);
      into.append(part);
    }
  }

  const segmenter = window.Intl && Intl.Segmenter ? new Intl.Segmenter(undefined, { granularity: "word" }) : null;
  const wordsOf = (text) => (segmenter ? [...segmenter.segment(text)].map((one) => one.segment) : text.split(/(\s+)/));
  const MOST_CELLS = 4e6;

  // For each word of `a` whether `b` has it too, in order: the longest common subsequence.
  function commonWords(a, b) {
    const wide = b.length + 1, table = new Uint16Array((a.length + 1) * wide);
    for (let i = a.length - 1; i >= 0; i--) for (let j = b.length - 1; j >= 0; j--) {
      table[i * wide + j] = a[i] === b[j] ? table[(i + 1) * wide + j + 1] + 1 : Math.max(table[(i + 1) * wide + j], table[i * wide + j + 1]);
    }
    const common = a.map(() => false);
    for (let i = 0, j = 0; i < a.length && j < b.length;) {
      if (a[i] === b[j]) { common[i] = true; i++; j++; }
      else if (table[(i + 1) * wide + j] >= table[i * wide + j + 1]) i++;
      else j++;
    }
    return common;
  }

  function difference(text, other, into, tag) {
    const a = wordsOf(text), b = wordsOf(other);
    if (a.length * b.length > MOST_CELLS || a.length > 60000) { into.append(text); return; }
    const common = commonWords(a, b);
    a.forEach((word, place) => into.append(common[place] || !word.trim() ? word : make(tag, "", word)));
  }

  // ---- one sample ---------------------------------------------------------------------------------------------

  function says(text, className, lang) {
    const element = make("p", `says ${className || ""}`, text);
    element.dir = "auto";
    if (lang) element.lang = lang;
    return element;
  }

  const rowsById = new Map(samples.map((sample, row) => [sample.id, row]));
  const enlarged = byId("enlarged");
  enlarged.addEventListener("click", () => enlarged.close());

  function picture(sample) {
    if (sample.image < 0) return make("div", "no-image", core.imagesLeftOut ? "Images are left out of this page." : "The image is not prepared on the machine that wrote this page.");
    const image = make("img"), press = make("button", "picture");
    image.src = images[sample.image];
    image.alt = "The picture that the model was shown";
    press.type = "button";
    press.title = "Enlarge";
    press.append(image);
    press.addEventListener("click", () => { enlarged.replaceChildren(image.cloneNode()); enlarged.showModal(); });
    return press;
  }

  function request(sample) {
    const words = make("div"), english = rowsById.get(`${sample.subset}/english/${sample.item}/1`);
    words.append(make("p", "eyebrow", "The request"), says(sample.query, "query-text", sample.lang));
    if (sample.setting !== "english" && english !== undefined && sample.language !== "English") {
      words.append(make("p", "eyebrow", "The same in English"), says(samples[english].query, "english-text", "en"));
    }
    words.append(make("p", "eyebrow", "The norm that the obvious answer breaks"), says(norms[sample.norm], "norm-text"));
    return words;
  }

  function drawDetail(row) {
    const sample = samples[row], scene = make("div", "scene"), answers = make("div", "answers");
    scene.append(picture(sample), request(sample));
    const seen = columns.map((model) => textOf(model, row));
    if (seen.every(Boolean)) columns.forEach((model, place) => answers.append(answerCard(model, row, seen, place)));
    else answers.append(make("p", "facts", "The answers are being read."));
    answers.tabIndex = 0;
    answers.setAttribute("role", "region");
    answers.setAttribute("aria-label", "Answers");
    const wording = sample.setting === "english" ? `wording ${sample.wording}` : "translated";
    const facets = [...further.values()].map((values) => values[row]).filter((value) => value !== null);
    const facts = [sample.country, sample.language, sample.subset, wording, ...facets].join(" · ");
    detail.replaceChildren(make("h3", "", sample.id), make("p", "facts", facts), scene, answers);
  }

  function answerCard(model, row, seen, place) {
    const card = make("article", "answer"), { answer, told } = seen[place], signs = flags[model][row];
    card.append(make("h4", "", models[model]));
    if (answer === null) {
      card.append(make("p", "facts", "This run has no answer to this sample."));
      return card;
    }
    card.append(chips(model, row));
    if (signs) card.append(make("p", "flag", `Suspected injection; the answer holds: ${signs.join(", ")}.`));
    const words = says(""), other = seen[place === 0 ? 1 : 0];
    if (byId("compare").checked && other && other.answer !== null) difference(answer, other.answer, words, place === 0 ? "del" : "ins");
    else markdown(answer, words);
    card.append(words, rationale(model, row, told), markForm(model, row));
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

  let wordsOpen = false; // stays as it was left while one moves from sample to sample

  function rationale(model, row, told) {
    const more = make("details", "judge"), common = told.length === 1, head = make("summary", "", "What the judge said");
    more.open = wordsOpen;
    head.addEventListener("click", (event) => {
      event.preventDefault();
      wordsOpen = !more.open;
      detail.querySelectorAll("details.judge").forEach((other) => { other.open = wordsOpen; });
    });
    more.append(head);
    told.forEach((text, place) => more.append(make("p", "eyebrow", common ? "on all four" : judgedAs(model, row, place)), says(text)));
    return more;
  }

  // ---- which runs stand side by side -------------------------------------------------------------------------------

  const MOST_COLUMNS = 4;
  let columns = models.map((_, model) => model).slice(0, MOST_COLUMNS);
  const pickers = byId("columns");

  function startPickers() {
    if (models.length <= MOST_COLUMNS) return;
    columns.forEach((model, place) => {
      const label = make("label", "", `Column ${place + 1}`), select = make("select");
      fill(select, models.map((name, number) => [number, name]), "none");
      select.value = model;
      label.append(select);
      pickers.append(label);
    });
    pickers.addEventListener("input", () => {
      const wanted = [...pickers.querySelectorAll("select")].map((one) => one.value).filter((value) => value !== "");
      columns = [...new Set(wanted.map(Number))];
      if (selected !== null) drawDetail(selected);
      writeAddress();
    });
  }

  // ---- moves, links and keys ------------------------------------------------------------------------------------

  const STANDARD_COLUMNS = String(columns);

  function writeAddress() {
    const parts = selected === null ? [] : [["sample", samples[selected].id]];
    if (search.value) parts.push(["q", search.value]);
    for (const name of FIELDS) if (filters[name].value) parts.push([name, filters[name].value]);
    if (String(columns) !== STANDARD_COLUMNS) parts.push(["columns", String(columns)]);
    const text = parts.map((part) => part.map(encodeURIComponent).join("=")).join("&");
    history.replaceState(null, "", `#${text}`);
  }

  function select(row, inAddress = true) {
    selected = row;
    const top = shown.indexOf(row) * HEIGHT;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + HEIGHT > list.scrollTop + list.clientHeight) list.scrollTop = top + HEIGHT - list.clientHeight;
    drawList();
    drawDetail(row);
    if (inAddress) writeAddress();
  }

  function move(steps) {
    if (!shown.length) return;
    const at = shown.indexOf(selected);
    select(shown[Math.min(shown.length - 1, Math.max(0, at < 0 ? 0 : at + steps))]);
  }

  function openLink() {
    const wanted = new URLSearchParams(location.hash.slice(1).replaceAll("+", "%2B"));
    const named = FIELDS.filter((name) => wanted.has(name));
    if (named.length || wanted.has("q")) {
      form.reset();
      search.value = wanted.get("q") || "";
      for (const name of named) filters[name].value = wanted.get(name);
      for (const name of named) if (filters[name].selectedIndex < 0) filters[name].value = "";
      applyFilters();
    }
    const asked = (wanted.get("columns") || "").split(",").filter((one) => models[one] !== undefined).map(Number);
    if (asked.length) {
      columns = [...new Set(asked)].slice(0, MOST_COLUMNS);
      pickers.querySelectorAll("select").forEach((select, place) => { select.value = columns[place] ?? ""; });
    }
    const row = rowsById.get(wanted.get("sample"));
    if (row === undefined) return false;
    const isFiltered = named.length > 0 || wanted.has("q");
    if (!isFiltered && !shown.includes(row)) { form.reset(); applyFilters(); }
    select(row, false);
    byId("samples").scrollIntoView();
    return true;
  }

  function openCountry(name) {
    form.reset();
    filters.country.value = name;
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
  form.addEventListener("input", () => { applyFilters(); writeAddress(); });
  form.addEventListener("reset", () => setTimeout(() => { applyFilters(); writeAddress(); }));
  byId("compare").addEventListener("input", () => { if (selected !== null) drawDetail(selected); });
  list.addEventListener("scroll", () => requestAnimationFrame(drawList));
  window.addEventListener("resize", drawList);
  window.addEventListener("hashchange", openLink);

  function whenFirstAnswersAreHere() {
    if (selected !== null) drawDetail(selected);
    if (!detail.querySelector(".answer") && columns.some((model) => !isHere(model))) setTimeout(whenFirstAnswersAreHere, 20);
  }

  startMap(openCountry);
  startPickers();
  applyFilters();
  if (!openLink() && shown.length) select(shown[0], false);
  whenFirstAnswersAreHere();
  document.addEventListener("DOMContentLoaded", () => {
    if (search.value) applyFilters();
    if (selected !== null) drawDetail(selected);
    whenIdle(() => readAhead(0));
  });
})();
