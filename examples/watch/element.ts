/** The element of the page with that id, which is there. */
export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no ${id}.`);
  return found as T;
}

/** Sets the text of an element; what has none is hidden. */
export function say(id: string, text = ''): void {
  const target = element(id);
  // What is read out aloud is changed only when there is something new to say.
  if (target.textContent !== text) target.textContent = text;
  target.hidden = text === '';
}
