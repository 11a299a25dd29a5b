// Saves the file that came with the data, once, and says that it was taken.
// The set outlives this element: the page may draw it anew before the server knows.
export default function ({ data, setTriggerValue }) {
  globalThis.pulmoscanTaken ??= new Set();
  if (!globalThis.pulmoscanTaken.has(data.number)) {
    globalThis.pulmoscanTaken.add(data.number);
    const bytes = Uint8Array.from(atob(data.content), (c) => c.charCodeAt(0));
    const address = URL.createObjectURL(new Blob([bytes], { type: data.mime }));
    const link = Object.assign(document.createElement("a"), { href: address, download: data.name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  }
  setTriggerValue("taken", data.number);
}
