import { describe, expect, it, vi } from 'vitest';
import { MESSAGE_VERSION } from '../../shared/protocol/messages.ts';
import { PROBLEMS } from '../../workers/problems.ts';
import { router } from '../../workers/router.ts';
import { done, FakeDeployment, problemOf } from './router-fakes.ts';

const WITHOUT_KEY = { Authorization: '' };

describe('every answer', () => {
  it('[EV1] carries a request id of its own, exposed to browsers', async () => {
    const deployment = await new FakeDeployment().withDatabase();
    const answers = [
      await deployment.query({ sql: 'SELECT 1' }),
      await deployment.query({ sql: 'SELECT 1' }),
      await deployment.query('{'),
      await deployment.request('GET', '/healthz'),
      await deployment.request('GET', '/nowhere'),
      await deployment.request('GET', '/nowhere', { headers: WITHOUT_KEY }),
      await deployment.request('OPTIONS', '/v1/databases', { headers: WITHOUT_KEY }),
    ];
    const ids = answers.map(({ headers }) => headers.get('Tidemark-Request-Id'));
    for (const id of ids) expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { headers } of answers) {
      expect(headers.get('Access-Control-Allow-Origin')).toBe('*');
      expect(headers.get('Access-Control-Expose-Headers')).toContain('Tidemark-Session, Tidemark-Request-Id');
    }
  });

  it('[EV2] answers a preflight without a key, also before there is one', async () => {
    const deployment = new FakeDeployment({ TIDEMARK_ADMIN_KEY: '' });
    const answer = await deployment.request('OPTIONS', '/v1/databases/shop/query', { headers: WITHOUT_KEY });
    expect(answer.status).toBe(204);
    expect(answer.headers.get('Access-Control-Allow-Methods')).toContain('PUT');
    for (const header of ['Authorization', 'Tidemark-Session', 'Idempotency-Key', 'Prefer']) {
      expect(answer.headers.get('Access-Control-Allow-Headers')).toContain(header);
    }
  });

  it('[EV3] is problem+json where it is an error, and its type is a page', async () => {
    const deployment = new FakeDeployment();
    const answer = await deployment.request('GET', '/v1/databases/none-such');
    expect(answer.status).toBe(404);
    expect(answer.headers.get('Content-Type')).toBe('application/problem+json');
    const problem = await problemOf(answer);
    expect(problem).toEqual({
      type: '/problems/database-not-found',
      title: PROBLEMS['database-not-found'].title,
      status: 404,
      detail: expect.stringContaining('PUT /v1/databases/none-such'),
      code: 'database-not-found',
    });
    const page = await deployment.request('GET', problem.type, { headers: WITHOUT_KEY });
    expect(page.status).toBe(200);
    expect(await page.text()).toContain(problem.title);
  });

  it('[EV3] has a page for each code, and none for others', async () => {
    const deployment = new FakeDeployment();
    for (const [code, { title }] of Object.entries(PROBLEMS)) {
      const page = await deployment.request('GET', `/problems/${code}`);
      expect(page.headers.get('Content-Type')).toContain('text/html');
      expect(await page.text()).toContain(title);
    }
    const answer = await deployment.request('GET', '/problems/toString');
    expect(await problemOf(answer)).toMatchObject({ status: 404, code: 'not-found' });
  });

  it('[EV4] is 404 not-found for a path or method that does not exist', async () => {
    const deployment = await new FakeDeployment().withDatabase();
    const base = `/v1/databases/${deployment.database}`;
    for (const [method, path] of [
      ['GET', '/'],
      ['POST', '/v1/databases'],
      ['GET', `${base}/query`],
      ['GET', `${base}/followers`],
      ['DELETE', `${base}/followers`],
      ['GET', `${base}/failover`],
      ['POST', `${base}/lost-entries`],
    ] as const) {
      const answer = await deployment.request(method, path);
      expect(await problemOf(answer)).toMatchObject({ status: 404, code: 'not-found' });
    }
  });

  it('[EV5] shows nothing of an unexpected error, which is logged', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    const deployment = await new FakeDeployment().withDatabase();
    deployment.directory.lookup = () => Promise.reject(new Error('secret at core.ts:12'));
    const answer = await deployment.request('GET', `/v1/databases/${deployment.database}`);
    const text = await answer.text();
    expect(text).not.toMatch(/secret|core|stack/);
    expect([answer.status, answer.headers.get('Retry-After')]).toEqual([503, '1']);
    expect(JSON.parse(text)).toMatchObject({ code: 'unavailable' });
    expect(log.mock.calls.flat().some((said) => String(said).includes('secret at core.ts:12'))).toBe(true);
    log.mockRestore();
  });
});

describe('authentication', () => {
  it.each([
    [''],
    ['Basic test-admin-key'],
    ['Bearer'],
    ['Bearer wrong'],
    ['Bearer test-admin-key2'],
    ['test-admin-key'],
  ])('[AU1] refuses %j with 401', async (authorization) => {
    const deployment = await new FakeDeployment().withDatabase();
    const answer = await deployment.query({ sql: 'SELECT 1' }, { Authorization: authorization });
    expect(await problemOf(answer)).toMatchObject({ status: 401, code: 'unauthorized' });
    expect(answer.headers.get('WWW-Authenticate')).toBe('Bearer');
    expect(deployment.follower.calls).toEqual([]);
  });

  it('[AU1] lets the admin key through', async () => {
    const deployment = new FakeDeployment();
    expect((await deployment.request('GET', '/v1/databases')).status).toBe(200);
    expect(
      (
        await deployment.request('GET', '/v1/databases', {
          headers: { Authorization: 'bearer  test-admin-key' },
        })
      ).status,
    ).toBe(200);
  });

  it('[AU2] needs no key for health, the OpenAPI document and the problem pages', async () => {
    const deployment = new FakeDeployment();
    for (const path of ['/healthz', '/openapi.json', '/problems/behind']) {
      expect((await deployment.request('GET', path, { headers: WITHOUT_KEY })).status).toBe(200);
    }
    expect(await (await deployment.request('GET', '/healthz')).json()).toEqual({ ok: true });
  });

  it.each([
    [{ TIDEMARK_ADMIN_KEY: '' }, 'npx wrangler secret put TIDEMARK_ADMIN_KEY'],
    [{ TIDEMARK_TOKEN_KEYS: 'short' }, 'TIDEMARK_TOKEN_KEYS'],
    [{ TIDEMARK_TOKEN_KEYS: 'a:secret-of-sixteen-chars,0:another-secret-of-16' }, 'TIDEMARK_TOKEN_KEYS'],
    [{ TIDEMARK_LOG_KEPT_BYTES: '1 GB' }, 'TIDEMARK_LOG_KEPT_BYTES'],
    [{ TIDEMARK_LOG_CLAIM_SECONDS: '' }, 'TIDEMARK_LOG_CLAIM_SECONDS'],
    [{ TIDEMARK_LOG_KEPT_BYTES: '2', TIDEMARK_LOG_CLAIM_BYTES: '1' }, 'must not be greater'],
  ])('[AU3] [RN4] serves nothing, and says what to run, with %j', async (overrides, command) => {
    const deployment = await new FakeDeployment(overrides).withDatabase();
    for (const path of [
      '/v1/databases',
      '/nowhere',
      '/healthz',
      `/v1/databases/${deployment.database}/digest`,
    ]) {
      const problem = await problemOf(await deployment.request('GET', path));
      expect(problem).toMatchObject({
        status: 503,
        code: 'not-configured',
        detail: expect.stringContaining(command),
      });
    }
    const written = await deployment.query({ sql: 'DELETE FROM t' });
    expect(written.status).toBe(503);
    expect(deployment.leader.calls).toEqual([]);
    expect((await deployment.request('GET', '/problems/not-configured')).status).toBe(200);
  });

  it('[AU5] takes the tokens of before there were token keys, and signs them anew', async () => {
    const deployment = await new FakeDeployment().withDatabase();
    const before = (await deployment.query({ sql: 'SELECT 1' })).headers.get('Tidemark-Session') ?? '';
    expect(before).toMatch(/^t1\.0\.0-1-1\./);
    const env = { ...deployment.env, TIDEMARK_TOKEN_KEYS: 'a:secret-of-sixteen-chars' };
    const headers = { Authorization: 'Bearer test-admin-key', 'Tidemark-Session': before };
    const path = `/v1/databases/${deployment.database}/query`;
    const answer = await router.request(path, { method: 'POST', body: '{"sql":"SELECT 1"}', headers }, env);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('Tidemark-Session')).toMatch(/^t1\.a\.0-1-1\./);
  });

  it('[AU4] takes token keys of its own: the first signs, all verify', async () => {
    const old = { TIDEMARK_TOKEN_KEYS: 'a:secret-of-sixteen-chars' };
    const deployment = await new FakeDeployment(old).withDatabase();
    const { env, database } = deployment;
    const first = (await deployment.query({ sql: 'SELECT 1' })).headers.get('Tidemark-Session') ?? '';
    expect(first).toMatch(/^t1\.a\./);
    const rotated = {
      ...env,
      TIDEMARK_TOKEN_KEYS: `b:another-secret-of-sixteen, ${old.TIDEMARK_TOKEN_KEYS}`,
    };
    const answer = await router.request(
      `/v1/databases/${database}/query`,
      {
        method: 'POST',
        body: '{"sql":"SELECT 1"}',
        headers: { Authorization: 'Bearer test-admin-key', 'Tidemark-Session': first },
      },
      rotated,
    );
    expect(answer.status).toBe(200);
    expect(answer.headers.get('Tidemark-Session')).toMatch(/^t1\.b\.0-1-1\./);
  });
});

describe('OpenAPI', () => {
  it('[OA1] describes every route, from the schemas that validate', async () => {
    const deployment = new FakeDeployment();
    const document = (await (await deployment.request('GET', '/openapi.json')).json()) as {
      openapi: string;
      paths: Record<
        string,
        Record<string, { parameters?: unknown[]; requestBody?: unknown; responses: Record<string, unknown> }>
      >;
    };
    expect(document.openapi).toMatch(/^3\.1/);
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const routed = router.routes
      .filter(({ method, path }) => method !== 'ALL' && method !== 'OPTIONS' && path !== '/openapi.json')
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
    expect(described.toSorted()).toEqual([...new Set(routed)].toSorted());
    const query = document.paths['/v1/databases/{database}/query']?.['post'];
    expect(Object.keys(query?.responses ?? {})).toEqual(
      expect.arrayContaining(['200', '400', '401', '404', '409', '413', '422', '429', '503', '504']),
    );
    expect(JSON.stringify(query?.requestBody)).toContain('statements');
    const removal = document.paths['/v1/databases/{database}/followers/{region}']?.['delete'];
    expect(removal?.parameters).toContainEqual(expect.objectContaining({ name: 'replica', in: 'query' }));
  });
});

it('[EV1] sends messages of the version that replicas know', async () => {
  const deployment = await new FakeDeployment().withDatabase();
  deployment.follower.onRead = () => done(1);
  await deployment.query({ sql: 'SELECT 1' });
  await deployment.query({ sql: 'DELETE FROM t' });
  expect([...deployment.follower.calls, ...deployment.leader.calls].map(({ version }) => version)).toEqual([
    MESSAGE_VERSION,
    MESSAGE_VERSION,
  ]);
});
