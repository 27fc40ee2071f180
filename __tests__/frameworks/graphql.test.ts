import { useExample } from './start-example';

const ask = useExample('graphql');
const query = async (text: string) => (await ask('POST', '/graphql', { query: text })).body;
const taken = 'This email address is already registered';

const signUp = (email: string, name = 'A') =>
  query(`mutation { signUp(email: "${email}", name: "${name}") { id email name } }`);
const signUpOrExplain = (email: string, name = 'A') =>
  query(`mutation { signUpOrExplain(email: "${email}", name: "${name}") {
    __typename ... on User { id email } ... on InvalidInput { fields { message path kind } }
  } }`);

describe('with errors in extensions', () => {
  it('creates a user', async () => {
    const { data } = await signUp('alice@example.org');
    expect(data.signUp).toMatchObject({ email: 'alice@example.org', id: expect.any(String) });
  });

  it('reports a duplicate with its code and its fields', async () => {
    const { errors } = await signUp('Alice@example.org');
    expect(errors).toMatchObject([
      {
        message: taken,
        extensions: {
          code: 'CONFLICT',
          errors: [{ detail: taken, pointer: '#/email', kind: 'unique' }],
        },
      },
    ]);
  });

  it('reports other invalid input with another code', async () => {
    const { errors } = await signUp('carol@example.org', '');
    expect(errors[0].extensions).toMatchObject({ code: 'BAD_USER_INPUT' });
  });
});

describe('with a union in the schema', () => {
  it('creates a user', async () => {
    const { data } = await signUpOrExplain('bob@example.org');
    expect(data.signUpOrExplain).toMatchObject({ __typename: 'User', email: 'bob@example.org' });
    const all = await query('{ users { email } }');
    expect(all.data.users).toHaveLength(2);
  });

  it('explains a duplicate in data, without errors', async () => {
    const { data, errors } = await signUpOrExplain('bob@example.org');
    expect(errors).toBeUndefined();
    expect(data.signUpOrExplain).toEqual({
      __typename: 'InvalidInput',
      fields: [{ message: taken, path: ['email'], kind: 'unique' }],
    });
  });
});
