// Asks for a page on behalf of pages that may ask nobody: their policy lets them connect nowhere, and this worker has its own.
// It asks this site alone.
"use strict";

let asking = new AbortController();

addEventListener("message", async ({ data }) => {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  try {
    const answer = await fetch(data, { signal, redirect: "manual", cache: "no-store", mode: "same-origin" });
    // What leads elsewhere, such as to the sign-in page, is for the person to see; what went wrong is not: the form is still there.
    if (answer.ok || answer.type === "opaqueredirect") postMessage({ href: data, page: await answer.text() });
  } catch (error) {
    if (!signal.aborted) console.warn(error.message);
  }
});
