"use strict";
// A page that `view` serves: it asks its own server what has changed, and loads itself anew when a run has landed.
(() => {
  const box = document.getElementById("live"), EVERY = 3000; // milliseconds

  function make(tag, text) {
    const element = document.createElement(tag);
    element.textContent = text;
    return element;
  }

  function runBox(run) {
    const part = document.createElement("div"), bar = document.createElement("progress");
    bar.max = run.wanted;
    bar.value = run.there;
    bar.setAttribute("aria-label", `Verdicts of ${run.title}`);
    part.append(make("strong", run.title), bar, ...run.lines.map((line) => make("p", line)));
    return part;
  }

  function show(state) {
    const parts = state.judging.map(runBox);
    if (state.trouble) parts.push(make("p", state.trouble));
    box.replaceChildren(...parts);
    box.hidden = !parts.length;
  }

  // Nobody's comment is cut off: a page in whose fields somebody types waits.
  const isTyping = () => document.activeElement?.matches("input:not([type=checkbox]), textarea") ?? false;

  async function follow() {
    try {
      const answer = await fetch("/state");
      if (!answer.ok) throw new Error(answer.statusText);
      const state = await answer.json();
      if (state.version !== box.dataset.version && !isTyping()) return location.reload();
      show(state);
    } catch {
      show({ judging: [], trouble: "The server has ended; this page stays as it is." });
    }
    return setTimeout(follow, EVERY);
  }

  follow();
})();
