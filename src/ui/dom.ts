/**
 * The little that the page needs of a framework.
 * @module
 */

/** The element with this ID; the page always has it. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id)
  if (!found) throw new Error(`the page has no #${id}`)
  return found as T
}

/** A new element with a class and a text. */
export function create<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  className = '',
  text = '',
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name)
  if (className) made.className = className
  made.textContent = text
  return made
}

/** A button; its name for screen readers says what it acts on. */
export function button(text: string, subject: string, onClick: () => void): HTMLButtonElement {
  const made = create('button', '', text)
  made.type = 'button'
  made.setAttribute('aria-label', `${text} ${subject}`)
  made.addEventListener('click', onClick)
  return made
}

export function row(...children: Node[]): HTMLDivElement {
  const made = create('div', 'row')
  made.append(...children)
  return made
}

/** Tells screen readers. */
export function say(text: string): void {
  byId('status').textContent = text
}
