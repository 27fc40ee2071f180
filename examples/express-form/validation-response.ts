import type { Error as MongooseErrors } from 'mongoose';

export interface FieldError {
  message: string;
  kind: string;
  path: string;
  value: unknown;
}

/** 409 says that the input is fine but taken, so one error of another kind makes it 422. */
export function toStatus({ errors }: MongooseErrors.ValidationError): 409 | 422 {
  return Object.values(errors).every(({ kind }) => kind === 'unique') ? 409 : 422;
}

/** What a client needs to know of each field, and nothing that a later Mongoose may add. */
export function toFieldErrors({
  errors,
}: MongooseErrors.ValidationError): Record<string, FieldError> {
  return Object.fromEntries(
    Object.entries(errors).map(([path, { message, kind, value }]) => {
      // JSON has no undefined: the value of a missing field is null.
      return [path, { message, kind, path, value: (value as unknown) ?? null }];
    }),
  );
}
