// Adds comfort to pages that work without it: local times, copy buttons, a filter for long lists, a search that answers while
// one types. The filter never hides what a person has to look closely at.
"use strict";

const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

const localTimes = (part) => {
  for (const time of part.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const words = local.format(at);
    if ("exact" in time.dataset) {
      time.textContent = words;
    } else {
      time.title = words;
      const hidden = time.querySelector(".sr");
      if (hidden) hidden.textContent = ` (${words})`;
    }
  }
};
localTimes(document);

// A menu that lies over the page closes by Escape, and when the person goes elsewhere.
for (const menu of document.querySelectorAll("details.drop")) {
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.firstElementChild.focus();
  });
  const leave = (where) => { if (where && !menu.contains(where)) menu.open = false; };
  menu.addEventListener("focusout", (event) => leave(event.relatedTarget));
  addEventListener("pointerdown", (event) => leave(event.target));
}

if (navigator.clipboard) {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    const label = button.querySelector("span");
    const words = label.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      label.textContent = button.dataset.copied;
      setTimeout(() => { label.textContent = words; }, 2000);
    });
  }
}

for (const box of document.querySelectorAll("[data-filter]")) {
  const items = [...box.closest("[data-filtered]").querySelectorAll("[data-item]")]
    .filter((item) => !item.closest(".risk") && !item.parentElement.closest("[data-item]"));
  const told = box.querySelector("output");
  if (items.length > 0) box.hidden = false;
  box.querySelector("input").addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    for (const item of items) item.hidden = !item.textContent.toLowerCase().includes(wanted);
    if (told) told.textContent = `${items.filter((item) => !item.hidden).length} / ${items.length}`;
  });
}

for (const form of document.querySelectorAll("form[data-seek]")) {
  const told = form.querySelector("output");
  let seeker, timer, wanted;
  const address = () => {
    const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value.trim()));
    return query.size ? `${form.action}?${query}` : form.action;
  };
  const show = ({ data: { href, page } }) => {
    if (href !== wanted) return;
    const fresh = new DOMParser().parseFromString(page, "text/html").getElementById("found");
    if (!fresh) return location.assign(href);
    localTimes(fresh);
    document.getElementById("found").replaceWith(fresh);
    history.replaceState(null, "", href);
    told.textContent = fresh.dataset.count;
  };
  const seek = () => {
    if (!seeker) {
      seeker = new Worker(form.dataset.seek);
      seeker.addEventListener("message", show);
    }
    wanted = address();
    seeker.postMessage(wanted);
  };
  form.addEventListener("input", (event) => {
    clearTimeout(timer);
    if (!event.isComposing) timer = setTimeout(seek, 200);
  });
}
