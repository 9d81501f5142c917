import { refuse } from '../shared/failure.ts';
import type { EdgeContext } from './env.ts';
import { isFailureCode, PROBLEMS } from './problems.ts';

/** The page that a problem's `type` leads to. */
export function problemPage(c: EdgeContext): Response {
  const code = c.req.param('code') ?? '';
  if (!isFailureCode(code)) refuse({ code: 'not-found', detail: 'There is no problem of this code.' });
  const { status, title, when, toDo } = PROBLEMS[code];
  return c.html(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${code}: ${title}</title>
<style>body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem }</style>
<h1>${title}</h1>
<p><code>${code}</code>, status ${status}</p>
<h2>When it happens</h2>
<p>${when}</p>
<h2>What to do</h2>
<p>${toDo}</p>
</html>
`);
}
