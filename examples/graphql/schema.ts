import { GraphQLError } from 'graphql';
import { createSchema } from 'graphql-yoga';
import { toProblemDetails, type ProblemDetailsEntry } from 'mongoose-unique-guard';
import { User } from './user';

const typeDefs = /* GraphQL */ `
  type User {
    id: ID!
    email: String!
    name: String!
  }

  type InvalidField {
    message: String!
    "The names that lead to the field of the input."
    path: [String!]!
    kind: String!
  }

  type InvalidInput {
    fields: [InvalidField!]!
  }

  union SignUpResult = User | InvalidInput

  type Query {
    users: [User!]!
  }

  type Mutation {
    "A refused input is an entry of errors, with the fields in extensions.errors."
    signUp(email: String!, name: String!): User!
    "A refused input is part of the schema."
    signUpOrExplain(email: String!, name: String!): SignUpResult!
  }
`;

interface SignUp {
  email: string;
  name: string;
}

/** The pointer's names, without the escapes of RFC 6901. */
function toField({ detail, pointer, kind }: ProblemDetailsEntry) {
  const path = decodeURIComponent(pointer.slice(2))
    .split('/')
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
  return { message: detail, path, kind };
}

/** The first style: an error of GraphQL. Yoga masks every other error. */
function toGraphQLError(error: unknown): unknown {
  const problem = toProblemDetails(error);
  if (problem === undefined) return error;
  const code = problem.status === 409 ? 'CONFLICT' : 'BAD_USER_INPUT';
  return new GraphQLError(problem.detail, { extensions: { code, errors: problem.errors } });
}

export const schema = createSchema({
  typeDefs,
  resolvers: {
    Query: { users: () => User.find() },
    Mutation: {
      signUp: (_: unknown, input: SignUp) =>
        User.create(input).catch((error: unknown) => {
          throw toGraphQLError(error);
        }),

      signUpOrExplain: async (_: unknown, input: SignUp) => {
        try {
          return { __typename: 'User', ...(await User.create(input)).toObject({ virtuals: true }) };
        } catch (error) {
          const problem = toProblemDetails(error);
          if (problem === undefined) throw error;
          return { __typename: 'InvalidInput', fields: problem.errors.map(toField) };
        }
      },
    },
  },
});
