/**
 * Builds an aggregation expression for the keys that a document has in an index, so that the server can group
 * the documents as the index would. Pure.
 */
import { startExpressions, type Expression, type Expressions } from './expression';

/** One segment of the index's paths. `field` is set if a path ends here: its name in the key. */
interface PathNode {
  field?: string;
  children: Map<string, PathNode>;
}

/** The name, in a key, of the value of the path at this position of the key pattern. */
export const fieldAt = (position: number): string => `k${String(position)}`;

/**
 * An array of the different keys of a document, such as `{ k0: [value], k1: [value] }`. Each value is wrapped
 * in an array, so that `[]` can stand for an empty array, which has a key of its own in the index.
 *
 * A document with arrays on two of the paths, which the server cannot index, has the only key
 * `{ parallel: true }`.
 */
export function toKeysExpression(paths: readonly string[], isSparse: boolean): Expression {
  const root: PathNode = { children: new Map() };
  paths.forEach((path, position) => {
    addPath(root, path.split('.'), fieldAt(position));
  });
  const nulls = Object.fromEntries(paths.map((_, position) => [fieldAt(position), [null]]));
  const make = startExpressions();
  return make.bind(keysOfObject(make, root), (all) => {
    // A missing path is null. If all paths are missing, a sparse index has no key.
    const indexed = isSparse ? make.filter(all, (key) => ({ $ne: [key, {}] })) : all;
    const complete = make.map(indexed, (key) => ({ $mergeObjects: [nulls, key] }));
    const isParallel = { $in: [true, `${all}.parallel`] };
    return { $cond: [isParallel, [{ parallel: true }], { $setUnion: [complete, []] }] };
  });
}

function addPath(node: PathNode, [head, ...rest]: string[], field: string): void {
  if (head === undefined) {
    node.field = field;
    return;
  }
  const child: PathNode = node.children.get(head) ?? { children: new Map() };
  node.children.set(head, child);
  addPath(child, rest, field);
}

/** The keys of the value at a node; for an array, the keys of its elements. */
function keysOfValue(make: Expressions, node: PathNode, stored: Expression): Expression {
  const { field } = node;
  return make.bind(stored, (value) => ({
    $switch: {
      branches: [
        { case: { $eq: [value, []] }, then: [field === undefined ? {} : { [field]: [] }] },
        {
          case: { $isArray: value },
          then: make.flatMap(value, (element) => keysOfOne(make, node, element)),
        },
      ],
      default: keysOfOne(make, node, value),
    },
  }));
}

/** The keys of a value whose array, if any, is already expanded. */
function keysOfOne(make: Expressions, node: PathNode, value: string): Expression {
  const { field } = node;
  if (field === undefined) return keysOfObject(make, node, value);
  const own = {
    $switch: {
      branches: [
        { case: { $eq: [{ $type: value }, 'missing'] }, then: {} },
        { case: { $eq: [{ $type: value }, 'undefined'] }, then: { [field]: [] } },
      ],
      default: { [field]: [value] },
    },
  };
  return node.children.size === 0 ? [own] : combine(make, [own], keysOfObject(make, node, value));
}

/** The keys of an object: every combination of the keys below its fields. */
function keysOfObject(make: Expressions, node: PathNode, object?: string): Expression {
  const children = [...node.children].map(([name, child]) => ({
    child,
    value: fieldOf(object, name),
  }));
  const keys = children
    .map(({ child, value }) => keysOfValue(make, child, value))
    .reduce((left, right) => combine(make, left, right));
  if (children.length === 1) return keys;
  const arrays = children.map(({ child, value }) => ({
    $cond: [meetsArray(make, child, value), 1, 0],
  }));
  return { $cond: [{ $gt: [{ $add: arrays }, 1] }, [{ parallel: true }], keys] };
}

/** True if the value, or a value below it on one of the paths, is an array. */
function meetsArray(make: Expressions, node: PathNode, stored: Expression): Expression {
  return make.bind(stored, (value) => ({
    $or: [
      { $isArray: value },
      ...[...node.children].map(([name, child]) => meetsArray(make, child, fieldOf(value, name))),
    ],
  }));
}

/** A field of an object. Missing in anything else, because the index does not expand an array in an array. */
function fieldOf(object: string | undefined, name: string): Expression {
  if (object === undefined) return `$${name}`;
  return { $cond: [{ $eq: [{ $type: object }, 'object'] }, `${object}.${name}`, '$$REMOVE'] };
}

function combine(make: Expressions, left: Expression, right: Expression): Expression {
  return make.bind(right, (others) =>
    make.flatMap(left, (one) => make.map(others, (other) => ({ $mergeObjects: [one, other] }))),
  );
}
