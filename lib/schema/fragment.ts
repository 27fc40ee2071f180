/** Fragments of a document: what is known of it where a write says only some of its fields. Pure. */

/** Stands for a value that nothing says. */
export const UNKNOWN = Symbol('unknown');

/** A place in an array, such as the 1 of `contacts.1.email`. */
export const isPlace = (segment: string): boolean => /^\d+$/.test(segment);

/**
 * Some fields of an object, or some elements of an array: by their place, or by any name that begins
 * with `$` where the place depends on the stored document. Whatever is not among them is unknown.
 */
export class Fragment {
  readonly children = new Map<string, unknown>();

  /** Sets what lies at the path, and makes the fragments on the way. */
  set(path: string, value: unknown): void {
    const dot = path.indexOf('.');
    if (dot < 0) {
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
    return names.length > 0 && names.every((name) => isPlace(name) || name.startsWith('$'));
  }
}
