/** What assistive technology is told of a page, as the browser itself computes it. */
import type { Page } from 'playwright-core';

export interface Told {
  role: string;
  name: string;
  value: string;
  description: string;
  isInvalid: boolean;
  isFocused: boolean;
  /** How changes are announced: 'off' where they are not. */
  live: string;
  /** The same for the same element, as long as it stays in the document. */
  element: number | undefined;
}

/** All elements with this role, in the order of the page. */
export async function tell(page: Page, role: string): Promise<Told[]> {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  await session.detach();
  return nodes
    .filter((node) => !node.ignored && node.role?.value === role)
    .map((node) => {
      // What the protocol has under these names is a text or a boolean.
      const text = (part?: { value?: unknown }) => String((part?.value ?? '') as string | boolean);
      const property = (name: string) =>
        text(node.properties?.find((one) => one.name === name)?.value);
      return {
        role,
        name: text(node.name),
        value: text(node.value),
        description: text(node.description),
        isInvalid: property('invalid') === 'true',
        isFocused: property('focused') === 'true',
        live: property('live') || 'off',
        element: node.backendDOMNodeId,
      };
    });
}

/** Each violation of axe's rules, with the elements that violate it. */
export async function findViolations(page: Page): Promise<string[]> {
  await page.addScriptTag({ path: require.resolve('axe-core') });
  const { passes, violations } = (await page.evaluate('axe.run()')) as {
    passes: unknown[];
    violations: { id: string; help: string; nodes: { html: string }[] }[];
  };
  // It has really looked at something.
  expect(passes.length).toBeGreaterThan(10);
  return violations.map(
    ({ id, help, nodes }) => `${id}: ${help}\n${nodes.map(({ html }) => html).join('\n')}`,
  );
}
