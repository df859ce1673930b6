/* What scripts add to the pages that can be read without them: forms that answer to a choice, search in the page. */
(() => {
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-follows]");
    if (form && event.target.type !== "search") form.requestSubmit();
  });

  // Fields left empty do not stand in the address.
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-follows]")) return;
    [...event.target.elements].filter((field) => field.name && !field.value).forEach((field) => { field.disabled = true; });
  });
  addEventListener("pageshow", () => document.querySelectorAll("form[data-follows] :disabled").forEach((field) => { field.disabled = false; }));

  const search = document.querySelector("[data-search]");
  if (!search) return;
  const sections = [...document.querySelectorAll(search.dataset.search)];
  const told = document.getElementById(search.getAttribute("aria-describedby"));

  function mark(wanted, found) {
    if (!window.CSS?.highlights) return;
    CSS.highlights.delete("found");
    if (!wanted) return;
    const ranges = [];
    for (const section of found) {
      const walker = document.createTreeWalker(section, NodeFilter.SHOW_TEXT);
      while (walker.nextNode() && ranges.length < 500) {
        const text = walker.currentNode.data.toLowerCase();
        for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
          const range = new Range();
          range.setStart(walker.currentNode, at);
          range.setEnd(walker.currentNode, at + wanted.length);
          ranges.push(range);
        }
      }
    }
    CSS.highlights.set("found", new Highlight(...ranges));
  }

  function look() {
    const wanted = search.value.trim().toLowerCase();
    const found = sections.filter((section) => section.textContent.toLowerCase().includes(wanted));
    sections.forEach((section) => {
      const isFound = found.includes(section);
      section.hidden = !isFound;
      const link = document.querySelector(`[data-contents] a[href="#${section.id}"]`);
      if (link) link.parentElement.hidden = !isFound;
    });
    document.querySelectorAll("details").forEach((each) => {
      each.open = Boolean(wanted) && each.textContent.toLowerCase().includes(wanted);
    });
    mark(wanted, found);
    told.textContent = wanted ? `${found.length} of ${sections.length} sections` : "";
  }

  search.addEventListener("input", look);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && search.value) {
      search.value = "";
      look();
    }
    if (event.key === "Enter") sections.find((section) => !section.hidden)?.scrollIntoView();
  });
  // The contents say which section is being read.
  const inView = new Set();
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) inView.add(entry.target.id);
      else inView.delete(entry.target.id);
    }
    const here = sections.find((section) => inView.has(section.id));
    document.querySelectorAll("[data-contents] a").forEach((link) => {
      if (here && link.hash === `#${here.id}`) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    });
  }, { rootMargin: "-90px 0px -60% 0px" });
  sections.forEach((section) => watch.observe(section));

  // A link into the article shows its section, also one that the search has left out.
  addEventListener("hashchange", () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target?.closest("[hidden]")) return;
    search.value = "";
    look();
    target.scrollIntoView();
  });
})();
