/**
 * The keys that an index makes of a document, as an aggregation expression, so that the server can
 * group the documents as the index would. Pure.
 */
import { startExpressions, type Expression, type Expressions } from './expression';

/** One step of the index's paths; `field` names the part of the key that ends here. */
interface PathNode {
  field?: string;
  children: Map<string, PathNode>;
}

/** The name, in a key, of the value of the path at this position of the key pattern. */
export const fieldAt = (position: number): string => `k${String(position)}`;

/**
 * An array of keys `{ k0: [value], k1: [value] }`, each of them once: one element that stands twice in
 * a document is no duplicate. A value is wrapped in an array, for the index knows one more than what a
 * value can say: `[]`, its own key for an empty array.
 *
 * `{ parallel: true }` is the only key of a document with arrays on two of the paths, which the server
 * cannot index at all.
 */
export function toKeysExpression(paths: readonly string[], isSparse: boolean): Expression {
  const root: PathNode = { children: new Map() };
  paths.forEach((path, position) => {
    addPath(root, path.split('.'), fieldAt(position));
  });
  const nulls = Object.fromEntries(paths.map((_, position) => [fieldAt(position), [null]]));
  const make = startExpressions();
  return make.bind(keysOfObject(make, root), (all) => {
    // A path that is missing is null, unless the index is sparse and all of them are missing.
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

/** The keys of what lies at a node: those of its elements, where it is an array. */
function keysOfValue(make: Expressions, node: PathNode, given: Expression): Expression {
  const { field } = node;
  return make.bind(given, (value) => ({
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

/** The keys of a value that is not expanded any more: an element of an array, or no array at all. */
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

/** The keys below a node: each of one path together with each of the others. */
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

function meetsArray(make: Expressions, node: PathNode, given: Expression): Expression {
  return make.bind(given, (value) => ({
    $or: [
      { $isArray: value },
      ...[...node.children].map(([name, child]) => meetsArray(make, child, fieldOf(value, name))),
    ],
  }));
}

/** A field of an object, missing in anything else: the index does not look into arrays in arrays. */
function fieldOf(object: string | undefined, name: string): Expression {
  if (object === undefined) return `$${name}`;
  return { $cond: [{ $eq: [{ $type: object }, 'object'] }, `${object}.${name}`, '$$REMOVE'] };
}

function combine(make: Expressions, left: Expression, right: Expression): Expression {
  return make.bind(right, (others) =>
    make.flatMap(left, (one) => make.map(others, (other) => ({ $mergeObjects: [one, other] }))),
  );
}
