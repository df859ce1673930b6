/* What the browser does alone: copying, theme, menu, dialogs, toasts, ticking times. One listener for the whole page,
   so that elements drawn later need no wiring. Server code calls the functions of `starscoo`. */
(() => {
  const copiedFor = 2000;

  async function copy(text, near) {
    try {
      await navigator.clipboard.writeText(text); // missing on plain http
      return true;
    } catch {
      const box = document.createElement("textarea");
      box.value = text;
      box.setAttribute("aria-hidden", "true");
      box.style.cssText = "position:fixed;opacity:0;pointer-events:none";
      (near.closest("dialog") || document.body).append(box); // outside an open dialog nothing can be focused
      const before = document.activeElement;
      box.select();
      let done = false;
      try { done = document.execCommand("copy"); } catch { /* told below */ }
      box.remove();
      before?.focus?.({ preventScroll: true });
      return done;
    }
  }

  function say(text, near) {
    let voice = document.getElementById("s-voice");
    const home = near?.closest("dialog") || document.body;
    if (!voice) {
      voice = Object.assign(document.createElement("div"), { id: "s-voice", className: "s-sr" });
      voice.setAttribute("role", "status");
    }
    if (voice.parentElement !== home) home.append(voice);
    voice.textContent = "";
    setTimeout(() => { voice.textContent = text; }, 30);
  }

  async function copyFrom(button) {
    const source = button.dataset.copyFrom
      ? document.querySelector(button.dataset.copyFrom)
      : button.closest(".s-code")?.querySelector("pre");
    const text = button.dataset.copy ?? source.value ?? source.textContent;
    const done = await copy(text, button);
    if (!done && source) {
      if (source.select) source.select();
      else getSelection().selectAllChildren(source);
    }
    const label = button.querySelector("[data-text]") || button;
    button.dataset.before ??= label.textContent;
    label.textContent = done ? "Copied" : "Press Ctrl+C";
    say(done ? "Copied" : "Copying is blocked here. The text is selected, press Control and C.", button);
    copied(button);
    clearTimeout(button.copyTimer);
    button.copyTimer = setTimeout(() => { label.textContent = button.dataset.before; }, copiedFor);
  }

  // What was waiting for a copy need not wait for the server.
  function copied(button) {
    button.closest("dialog")?.querySelectorAll("[data-after-copy]").forEach((each) => { each.disabled = false; });
    button.dispatchEvent(new CustomEvent("copied", { bubbles: true }));
  }

  function download(button) {
    const file = new Blob([button.dataset.download], { type: "text/plain" });
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: button.dataset.file });
    link.target = "_blank";
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    copied(button);
  }

  const systemDark = matchMedia("(prefers-color-scheme: dark)");

  function isDark(choice) {
    return choice === "dark" || (choice !== "light" && systemDark.matches);
  }

  function theme() {
    return /(?:^|; )starscoo_theme=(light|dark)/.exec(document.cookie)?.[1] || "system";
  }

  function paintTheme() {
    const dark = isDark(theme());
    document.body.classList.toggle("body--dark", dark);
    document.body.classList.toggle("body--light", !dark);
    document.querySelectorAll("[data-theme-choice]").forEach((button) =>
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === theme())));
  }

  function chooseTheme(choice) {
    const age = choice === "system" ? 0 : 31536000;
    document.cookie = `starscoo_theme=${choice}; path=/; max-age=${age}; samesite=lax`;
    paintTheme();
    tellTheme();
  }

  // The server keeps the page's dark switch in step, and redraws charts.
  function tellTheme() {
    if (window.mounted_app || window.did_handshake) emitEvent("theme", { choice: theme(), is_dark: isDark(theme()) });
  }

  systemDark.addEventListener("change", () => { if (theme() === "system") { paintTheme(); tellTheme(); } });

  function menu(open) {
    const button = document.querySelector(".s-bar [data-menu]");
    if (document.body.classList.contains("s-menu-open") === open) return;
    document.body.classList.toggle("s-menu-open", open);
    button?.setAttribute("aria-expanded", String(open));
    if (open) setTimeout(() => document.querySelector(".s-menu a")?.focus(), 160);
    else button?.focus();
  }

  function tab(button) {
    const tabs = [...button.closest('[role="tablist"]').querySelectorAll('[role="tab"]')];
    tabs.forEach((each) => {
      const isChosen = each === button;
      each.setAttribute("aria-selected", String(isChosen));
      each.tabIndex = isChosen ? 0 : -1;
      document.getElementById(each.getAttribute("aria-controls")).hidden = !isChosen;
    });
    button.focus();
    try { localStorage.setItem("starscoo-language", button.dataset.tab); } catch { /* private window */ }
  }

  function rememberedTabs(root) {
    let wanted = null;
    try { wanted = localStorage.getItem("starscoo-language"); } catch { /* private window */ }
    if (!wanted) return;
    root.querySelectorAll(`[role="tablist"]:not([data-set]) [role="tab"][data-tab="${wanted}"]`).forEach((button) => {
      const focused = document.activeElement;
      tab(button);
      focused?.focus?.({ preventScroll: true });
    });
    root.querySelectorAll('[role="tablist"]').forEach((list) => { list.dataset.set = "1"; });
  }

  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest?.(selector);
    const copying = at("[data-copy], [data-copy-from], .s-copy");
    if (copying) return void copyFrom(copying);
    if (at("[data-download]")) return void download(at("[data-download]"));
    if (at("[data-theme-choice]")) return chooseTheme(at("[data-theme-choice]").dataset.themeChoice);
    if (at('[role="tab"]')) return tab(at('[role="tab"]'));
    if (at(".s-reveal")) {
      const input = at(".s-box").querySelector("input");
      const shows = input.type === "password";
      input.type = shows ? "text" : "password";
      at(".s-reveal").textContent = shows ? "Hide" : "Show";
      at(".s-reveal").setAttribute("aria-pressed", String(shows));
      return undefined;
    }
    document.querySelectorAll("details.f-facet[open]").forEach((list) => { if (!list.contains(event.target)) list.open = false; });
    if (at("[data-menu]")) return menu(!document.body.classList.contains("s-menu-open"));
    if (at(".s-scrim") || at(".s-menu nav a, .s-menu .s-who")) return menu(false);
    if (at("[data-close-dialog]")) return at("dialog")?.close();
    if (at("[data-reload]")) return location.reload();
    if (at("[data-clear]")) {
      const input = at(".s-box").querySelector("input");
      input.value = "";
      input.dispatchEvent(new Event("input", { bubbles: true }));
      return input.focus();
    }
    if (event.target.matches?.("dialog.s-dialog") && !event.target.dataset.persistent) {
      const box = event.target.getBoundingClientRect();
      const isInside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
      if (!isInside) event.target.close();
    }
    return undefined;
  });

  // What people do keeps their login open; the server is told once a minute at most. A page that is only open is silent.
  let told = Date.now();
  document.addEventListener("click", (event) => {
    if (!event.isTrusted || Date.now() - told < 60000 || !window.did_handshake || !document.querySelector(".s-menu")) return;
    told = Date.now();
    emitEvent("active", {});
  }, true);

  document.addEventListener("keydown", (event) => {
    const list = event.key === "Escape" && event.target.closest?.("details.f-facet[open]");
    if (list) {
      list.open = false;
      list.querySelector("summary").focus();
      return;
    }
    if (event.key === "Escape") {
      if (document.querySelector("dialog[open][data-persistent]")) event.preventDefault();
      else menu(false);
    }
    const tabs = event.target.closest?.('[role="tablist"]');
    if (tabs && ["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) {
      const all = [...tabs.querySelectorAll('[role="tab"]')];
      const here = all.indexOf(document.activeElement);
      const next = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: all.length - 1 }[event.key];
      event.preventDefault();
      tab(all[(next + all.length) % all.length]);
    }
  });

  // Browsers that do not know `closedby` ask in this way.
  document.addEventListener("cancel", (event) => {
    if (event.target.matches?.("dialog[data-persistent]")) event.preventDefault();
  }, true);

  // Links out of the dashboard's shell are the browser's own; NiceGUI would look for them among its sub-pages.
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="/"]');
    if (link && !/^\/app(?:[/?#]|$)/.test(link.getAttribute("href"))) event.stopPropagation();
  }, true);

  // What is typed into a form that says so outlives a reload of its tab, not a logout.
  const keptUnder = "starscoo-form ";
  const keyOf = (form) => keptUnder + form.dataset.kept;

  document.addEventListener("input", (event) => {
    const form = event.target.closest?.("form[data-kept]");
    if (!form) return;
    try { sessionStorage.setItem(keyOf(form), JSON.stringify(Object.fromEntries(new FormData(form)))); } catch { /* full, or forbidden */ }
  });

  function restoreForms() {
    document.querySelectorAll("form[data-kept]:not([data-restored])").forEach((form) => {
      form.dataset.restored = "1";
      let kept = null;
      try { kept = JSON.parse(sessionStorage.getItem(keyOf(form))); } catch { /* nothing kept */ }
      if (!kept) return;
      for (const [name, text] of Object.entries(kept)) {
        const field = form.elements[name];
        if (field && (!field.options || [...field.options].some((each) => each.value === text))) field.value = text;
      }
      form.dispatchEvent(new Event("input", { bubbles: true }));
    });
  }

  function forgetForms() {
    try {
      Object.keys(sessionStorage).filter((key) => key.startsWith(keptUnder)).forEach((key) => sessionStorage.removeItem(key));
    } catch { /* nothing kept */ }
  }

  document.addEventListener("submit", (event) => { if (event.target.getAttribute("action") === "/logout") forgetForms(); });

  document.addEventListener("keydown", (event) => {
    const form = event.target.closest?.("form[data-sends]");
    if (form && event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });

  // A form that was sent is not sent again by a second click.
  document.addEventListener("submit", (event) => {
    if (event.target.method !== "post") return;
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "1";
    setTimeout(() => { delete event.target.dataset.sent; }, 4000);
  });
  addEventListener("pageshow", () => document.querySelectorAll("[data-sent]").forEach((form) => { delete form.dataset.sent; }));

  function until(seconds) {
    const minutes = Math.max(0, Math.ceil(seconds / 60));
    if (minutes < 60) return `in ${minutes} min`;
    if (minutes < 48 * 60) return `in ${Math.floor(minutes / 60)} h`;
    return `in ${Math.floor(minutes / 1440)} days`;
  }

  function ago(seconds) {
    if (seconds < 60) return "just now";
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
    if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h ago`;
    return `${Math.floor(seconds / 86400)} days ago`;
  }

  const local = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZoneName: "short" });

  const clock = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });

  function tick() {
    const now = Date.now() / 1000;
    const put = (element, text) => { if (element.textContent !== text) element.textContent = text; };
    document.querySelectorAll("[data-until]").forEach((each) => put(each, until(each.dataset.until - now)));
    document.querySelectorAll("[data-ago]").forEach((each) => {
      put(each, ago(now - each.dataset.ago));
      each.title = local.format(each.dataset.ago * 1000);
    });
    document.querySelectorAll("[data-clock]").forEach((each) => {
      put(each, clock.format(each.dataset.clock * 1000));
      each.title = local.format(each.dataset.clock * 1000);
    });
    document.querySelectorAll("[data-local]").forEach((each) => put(each, local.format(each.dataset.local * 1000)));
    document.querySelectorAll("[data-due]").forEach((each) => {
      if (now < Number(each.dataset.due) || each.told === each.dataset.due) return;
      each.told = each.dataset.due;
      each.dispatchEvent(new CustomEvent("due"));
    });
  }

  // Lists are replaced whole when figures change: the button that had the focus gets it back in its new shape.
  let focused = null;
  document.addEventListener("focusin", (event) => { focused = event.target; });

  function twin(element) {
    if (!element || element.isConnected) return element;
    const same = element.id && document.getElementById(element.id);
    if (same || !element.dataset?.act) return same || null;
    const { act, id } = element.dataset;
    return document.querySelector(`[data-act="${CSS.escape(act)}"][data-id="${CSS.escape(id)}"]`);
  }

  function keepFocus() {
    if (focused && !focused.isConnected && document.activeElement === document.body) twin(focused)?.focus({ preventScroll: true });
  }

  const opener = (menu) => document.querySelector(`[popovertarget="${CSS.escape(menu.id)}"]`);
  // A row's menu stands under its button, above it where there is no room below.
  document.addEventListener("beforetoggle", (event) => {
    const menu = event.target;
    if (!menu.matches?.(".s-pop") || event.newState !== "open") return;
    const box = opener(menu).getBoundingClientRect();
    menu.openedAt = box.top;
    const isLow = box.bottom + 44 + menu.childElementCount * 36 > innerHeight;
    menu.style.right = `${Math.max(8, document.documentElement.clientWidth - box.right)}px`;
    menu.style.top = isLow ? "auto" : `${box.bottom + 4}px`;
    menu.style.bottom = isLow ? `${innerHeight - box.top + 4}px` : "auto";
  }, true);
  const openMenu = () => (HTMLElement.prototype.hidePopover ? document.querySelector(".s-pop:popover-open") : null);
  document.addEventListener("scroll", () => {
    const menu = openMenu();
    if (menu && Math.abs(opener(menu).getBoundingClientRect().top - menu.openedAt) > 8) menu.hidePopover();
  }, true);
  document.addEventListener("click", (event) => { if (event.target.closest?.(".s-pop [data-act]")) openMenu()?.hidePopover(); }, true);
  document.addEventListener("keydown", (event) => {
    const open = openMenu();
    if (!open || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
    const acts = [...open.querySelectorAll("button")].filter((each) => each.getClientRects().length);
    const here = acts.indexOf(document.activeElement);
    event.preventDefault();
    acts[(here + (event.key === "ArrowDown" ? 1 : here < 0 ? 0 : -1) + acts.length) % acts.length].focus();
  });

  let waiting = false;
  function soon() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; tick(); rememberedTabs(document); restoreForms(); keepFocus(); });
  }

  function start() {
    paintTheme();
    new MutationObserver(soon).observe(document.body, { childList: true, subtree: true });
    setInterval(tick, 10000);
    soon();
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();

  window.starscoo = {
    copy,
    open(id) {
      requestAnimationFrame(() => requestAnimationFrame(() => {
        const dialog = getHtmlElement(id);
        if (!dialog || dialog.open) return;
        const opener = document.activeElement;
        dialog.addEventListener("close", () => twin(opener)?.focus?.({ preventScroll: true }), { once: true });
        dialog.showModal();
      }));
    },
    // A page that is being left by a form of its own (logging out) is on its way already.
    leave() { forgetForms(); if (!document.querySelector("form[data-sent]")) location.replace("/login"); },
    // Words of an answer, [text, whether it was only thought]; without them an empty page for the next answer.
    words(id, added) {
      const box = getHtmlElement(id);
      if (!box) return;
      if (!added) {
        box.replaceChildren();
        // On a phone the answer is below its question.
        if (box.getBoundingClientRect().top > innerHeight - 160) box.closest(".s-card").scrollIntoView();
        return;
      }
      const follows = box.scrollHeight - box.scrollTop - box.clientHeight < 48;
      for (const [text, isThought] of added) {
        const kind = isThought ? "y-thought" : "";
        if (box.lastElementChild?.className !== kind) box.append(Object.assign(document.createElement("span"), { className: kind }));
        box.lastElementChild.append(text);
      }
      if (follows) box.scrollTop = box.scrollHeight;
    },
    // When the button that had the focus has made room for this one.
    keepFocus(id) {
      requestAnimationFrame(() => requestAnimationFrame(() => { if (document.activeElement === document.body) getHtmlElement(id)?.focus(); }));
    },
    fill(id, text) {
      const field = getHtmlElement(id);
      field.value = text;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      field.focus();
    },
    close(id) { getHtmlElement(id)?.close(); },
    toast(text, kind) {
      const box = document.querySelector(".s-toasts");
      const toast = Object.assign(document.createElement("div"), { className: `s-toast s-toast-${kind}`, textContent: text });
      box?.append(toast);
      setTimeout(() => toast.remove(), 5000);
    },
    here(path) {
      document.querySelectorAll(".s-menu nav a, .s-menu .s-who").forEach((link) => {
        if (link.getAttribute("href") === path) link.setAttribute("aria-current", "page");
        else link.removeAttribute("aria-current");
      });
      const heading = document.querySelector("main h1");
      heading?.setAttribute("tabindex", "-1");
    },
  };
})();
