/** Makes aggregation expressions whose variables have unique names. */

/** An aggregation expression, which can be any value. */
export type Expression = unknown;

type Body = (variable: string) => Expression;

export interface Expressions {
  /** `$let`: `body` with `value` in a variable, so that it is computed once. */
  bind: (value: Expression, body: Body) => Expression;
  map: (input: Expression, body: Body) => Expression;
  filter: (input: Expression, cond: Body) => Expression;
  /** The arrays that `body` returns for each element, concatenated. */
  flatMap: (input: Expression, body: Body) => Expression;
}

export function startExpressions(): Expressions {
  let count = 0;
  // An inner variable must not hide an outer one.
  const withName = (make: (name: string, variable: string) => Expression): Expression => {
    count += 1;
    return make(`v${String(count)}`, `$$v${String(count)}`);
  };
  const bind: Expressions['bind'] = (value, body) =>
    withName((name, variable) => ({ $let: { vars: { [name]: value }, in: body(variable) } }));
  return {
    bind,
    map: (input, body) => withName((as, variable) => ({ $map: { input, as, in: body(variable) } })),
    filter: (input, cond) =>
      withName((as, variable) => ({ $filter: { input, as, cond: cond(variable) } })),
    flatMap: (input, body) => ({
      $reduce: {
        input,
        initialValue: [],
        in: { $concatArrays: ['$$value', bind('$$this', body)] },
      },
    }),
  };
}
