import { Router, urlencoded, type Response } from 'express';
import { Error as MongooseErrors } from 'mongoose';
import { pickTexts } from './request-fields';
import { PAGE_FIELDS, USER_FIELDS, type Services } from './services';
import { toStatus } from './validation-response';

interface Form<Name extends string> {
  path: string;
  title: string;
  button: string;
  names: readonly Name[];
  /** The attributes of each input; `isAsked`: the page says while one types whether it is free. */
  inputs: Record<Name, { label: string; type?: string; autocomplete: string; isAsked?: true }>;
  submit: (input: Partial<Record<Name, string>>) => Promise<unknown>;
  /** Where a successful POST leads. */
  next: string;
}

export function formRoutes(services: Services): Router {
  const router = Router();
  router.use(urlencoded());

  router.get('/users', async (_request, response) => {
    response.render('users', { users: await services.listUsers() });
  });

  attachForm(router, {
    path: '/signup',
    title: 'Sign up',
    button: 'Sign up',
    names: USER_FIELDS,
    inputs: {
      name: { label: 'Name', autocomplete: 'name' },
      email: { label: 'Email address', type: 'email', autocomplete: 'email', isAsked: true },
      username: { label: 'User name', autocomplete: 'username', isAsked: true },
    },
    submit: services.signUp,
    next: '/users',
  });

  attachForm(router, {
    path: '/pages',
    title: 'New page',
    button: 'Create page',
    names: PAGE_FIELDS,
    inputs: {
      tenant: { label: 'Tenant', autocomplete: 'organization' },
      slug: { label: 'Slug', autocomplete: 'off' },
    },
    submit: services.createPage,
    next: '/pages?created',
  });

  return router;
}

function attachForm<Name extends string>(router: Router, form: Form<Name>): void {
  router.get(form.path, (request, response) => {
    renderForm(response, form, { isDone: 'created' in request.query });
  });

  router.post(form.path, async (request, response) => {
    const values = pickTexts(request.body, form.names);
    try {
      await form.submit(values);
    } catch (error) {
      if (!(error instanceof MongooseErrors.ValidationError)) throw error;
      response.status(toStatus(error));
      renderForm(response, form, { values, errors: error.errors });
      return;
    }
    // 303: the browser asks for the next page by GET, so that a reload does not send the form again.
    response.redirect(303, form.next);
  });
}

interface FormState<Name extends string> {
  values?: Partial<Record<Name, string>>;
  errors?: Partial<Record<string, { message: string }>>;
  isDone?: boolean;
}

function renderForm<Name extends string>(
  response: Response,
  { path, title, button, names, inputs }: Form<Name>,
  { values = {}, errors = {}, isDone = false }: FormState<Name>,
): void {
  const fields = names.map((name) => ({
    name,
    type: 'text',
    isAsked: false,
    ...inputs[name],
    value: values[name] ?? '',
    message: errors[name]?.message,
  }));
  const invalid = fields.filter(({ message }) => message !== undefined);
  response.render('form', { path, title, button, fields, invalid, isDone });
}
