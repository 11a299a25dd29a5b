// Has the browser ask before this tab is loaded anew or closed, for as long as this element is on the page.
export default function () {
  const ask = (event) => event.preventDefault();
  globalThis.addEventListener("beforeunload", ask);
  return () => globalThis.removeEventListener("beforeunload", ask);
}
