/** Fragments of a document: the known fields, if a write contains only some of them. Pure. */
import { isPosition } from './path';

/** Marks a value that is not known. */
export const UNKNOWN = Symbol('unknown');

/**
 * Some fields of an object, or some elements of an array by position. An element whose position depends on
 * the stored document has a name that begins with `$`. All other fields are unknown.
 */
export class Fragment {
  readonly children = new Map<string, unknown>();

  /** Sets the value at the path and creates the fragments above it. */
  set(path: string, value: unknown): void {
    const dot = path.indexOf('.');
    if (dot === -1) {
      this.children.set(path, value);
      return;
    }
    const head = path.slice(0, dot);
    const child = this.children.get(head);
    const inner = child instanceof Fragment ? child : new Fragment();
    this.children.set(head, inner);
    inner.set(path.slice(dot + 1), value);
  }

  get isArray(): boolean {
    const names = [...this.children.keys()];
    return names.length > 0 && names.every((name) => isPosition(name) || name.startsWith('$'));
  }
}
