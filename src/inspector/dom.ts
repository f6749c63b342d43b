/**
 * The only maker of elements. Words go in as text nodes and nothing else, so that what a model, a tool or a caller
 * wrote can never become markup; attributes that hold code (`on…`, `style`, `srcdoc`) cannot be set through it.
 */
export type Child = Node | string | number | null | undefined | false | readonly Child[];

type Handlers = { readonly [K in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[K]) => void };
type Attribute = string | number | boolean | null | undefined;

export interface Props {
  readonly class?: string;
  readonly on?: Handlers;
  readonly [attribute: string]: Attribute | Handlers;
}

const SVG = "http://www.w3.org/2000/svg";

/** `true` sets an empty attribute; false, null and undefined leave it out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  dress(element, props);
  append(element, children);
  return element;
}

export function svg(tag: string, props: Props = {}, ...children: readonly Node[]): SVGElement {
  const element = document.createElementNS(SVG, tag);
  dress(element, props);
  element.append(...children);
  return element;
}

function dress(element: Element, { class: className, on, ...attributes }: Props): void {
  if (className !== undefined) element.setAttribute("class", className);
  for (const [event, handler] of Object.entries(on ?? {})) {
    if (handler !== undefined) element.addEventListener(event, handler as EventListener); // typed by `Handlers`
  }
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value !== "object") attr(element, name, value);
  }
}

function append(element: Element, children: readonly Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (isList(child)) append(element, child);
    else element.append(typeof child === "number" ? String(child) : child);
  }
}

const isList = (child: Child): child is readonly Child[] => Array.isArray(child);

/** Sets, changes or takes away one attribute; touches nothing when it is so already. */
export function attr(element: Element, name: string, value: Attribute): void {
  if (/^(on|style$|srcdoc$)/i.test(name)) throw new Error(`the attribute ${name} is never set by text`);
  const wanted = value === true ? "" : value === false || value === null || value === undefined ? null : String(value);
  if (element.getAttribute(name) === wanted) return;
  if (wanted === null) element.removeAttribute(name);
  else element.setAttribute(name, wanted);
}

/** Makes `value` the whole text of an element that holds nothing but text. */
export function setText(element: Element, value: string): void {
  if (element.textContent !== value) element.textContent = value;
}

export function fill(element: Element, ...children: readonly Child[]): void {
  element.replaceChildren();
  append(element, children);
}

/** One child of a keyed list: made once, patched from then on. */
export interface Row<T> {
  readonly element: Element;
  patch(item: T): void;
  /** It is being taken away. */
  close?(): void;
}

/**
 * Children of `parent` that follow a list: moved only when the order changed, removed with their items. `parent` holds
 * nothing else.
 */
export function createKeyed<T>(
  parent: Element,
  { key, make }: { key(item: T): string; make(item: T): Row<T> },
): { update(items: readonly T[]): void; get(key: string): Row<T> | undefined } {
  const rows = new Map<string, Row<T>>();
  return {
    get: (name) => rows.get(name),
    update(items) {
      const gone = new Set(rows.keys());
      let at = parent.firstElementChild;
      for (const item of items) {
        const name = key(item);
        gone.delete(name);
        let row = rows.get(name);
        if (row === undefined) rows.set(name, (row = make(item)));
        row.patch(item);
        if (row.element === at) at = at.nextElementSibling;
        else parent.insertBefore(row.element, at);
      }
      for (const name of gone) {
        rows.get(name)?.close?.();
        rows.get(name)?.element.remove();
        rows.delete(name);
      }
    },
  };
}
