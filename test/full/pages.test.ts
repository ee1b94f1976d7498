/**
 * What people see: the start page and the API page in Chromium (chromium), by role, at the width of a desk
 * and of a phone.
 */
import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { asId } from '../../src/base/ids.ts';
import { startTestServer, type TestServer } from '../support/engine.ts';

let server: TestServer;
let browser: Browser;

beforeAll(async () => {
  server = await startTestServer({
    server: { openAs: { kind: 'user', userId: 'demo', projectId: asId('demo'), role: 'admin' } },
  });
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--disable-background-networking',
      '--disable-sync',
    ],
  });
}, 60_000);

afterAll(async () => {
  await browser.close();
  await server.close();
});

test.each([
  ['a desk', 1100, 900],
  ['a phone', 360, 740],
])(
  'the start page shows live numbers at the width of %s, and nothing sticks out',
  async (_name, width, height) => {
    const page = await browser.newPage({ viewport: { width, height } });
    const troubles: string[] = [];
    page.on('pageerror', (error) => troubles.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') troubles.push(message.text());
    });
    await page.goto(`${server.url}/`);
    const row = page.getByRole('row', { name: /gpu_tiny/ });
    await row.waitFor();
    expect(await row.getByRole('cell').allInnerTexts()).toEqual(['4', '4']);
    expect(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true);
    const lease = await fetch(`${server.url}/v1/leases`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ flavor: 'gpu_tiny', duration: '1h', name: `seen at ${width}` }),
    });
    expect(lease.status).toBe(201);
    // The numbers move by themselves: nobody has to reload.
    await row.getByRole('cell', { name: '3', exact: true }).waitFor({ timeout: 15_000 });
    const { leases } = (await lease.json()) as { readonly leases: readonly { readonly id: string }[] };
    await fetch(`${server.url}/v1/leases/${leases[0]?.id ?? ''}`, { method: 'DELETE' });
    await row.getByRole('cell', { name: '3', exact: true }).waitFor({ state: 'detached', timeout: 15_000 });
    expect(troubles).toEqual([]);
    await page.close();
  },
);

test('the API page lists our operations and needs nothing from elsewhere', async () => {
  const page = await browser.newPage();
  const elsewhere: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(server.url) && !request.url().startsWith('data:'))
      elsewhere.push(request.url());
  });
  await page.goto(`${server.url}/ui/`);
  await page.getByRole('heading', { name: /leases/ }).waitFor();
  await page.getByText('Borrow GPUs', { exact: true }).waitFor();
  expect(elsewhere).toEqual([]);
  await page.close();
});
