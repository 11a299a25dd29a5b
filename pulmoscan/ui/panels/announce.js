// Reads a decision out, brings a new one into view and puts the focus there; the gallery's row shows what is chosen.
export default function ({ data, parentElement: root }) {
  const result = document.querySelector(".st-key-result");
  if (result) result.id = "result"; // the skip link's aim
  const live = root.querySelector("[role=status]");
  if (live.textContent !== data.words) live.textContent = data.words;
  if (globalThis.pulmoscanResult === data.subject) return;
  globalThis.pulmoscanResult = data.subject;
  document.querySelector(".st-key-gallery button[kind=primary]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  if (!result || document.activeElement?.closest(".st-key-flow")) return; // who leafs through goes on leafing
  result.tabIndex = -1;
  result.focus({ preventScroll: true });
}
