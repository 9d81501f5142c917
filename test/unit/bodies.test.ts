import { describe, expect, it } from 'vitest';
import { Refusal, type Failure } from '../../shared/failure.ts';
import { PARAMS_MAX, STATEMENTS_MAX } from '../../shared/limits.ts';
import { parseQueryBody, parseSettingsBody } from '../../shared/protocol/bodies.ts';

function paramsOf(json: string) {
  return parseQueryBody(`{"sql":"SELECT 1","params":[${json}]}`)[0]?.params;
}

function refusalOf(work: () => unknown): Failure {
  try {
    work();
  } catch (error) {
    if (error instanceof Refusal) return error.failure;
    throw error;
  }
  throw new Error('nothing was refused');
}

function detailOf(body: string): string {
  const { code, detail } = refusalOf(() => parseQueryBody(body));
  expect(code).toBe('invalid-request');
  return detail;
}

describe('query body', () => {
  it('[QB1] takes one statement, or a list of them', () => {
    expect(parseQueryBody('{"sql":"A"}')).toEqual([{ sql: 'A', params: [] }]);
    expect(parseQueryBody('{"statements":[{"sql":"A","params":["x"]},{"sql":"B"}]}')).toEqual([
      { sql: 'A', params: ['x'] },
      { sql: 'B', params: [] },
    ]);
  });

  it.each([
    ['1', 1n],
    ['-0', 0n],
    ['9007199254740993', 9007199254740993n],
    ['-9223372036854775808', -(2n ** 63n)],
    ['9223372036854775807', 2n ** 63n - 1n],
    ['1.0', 1],
    ['1.5', 1.5],
    ['1e3', 1000],
    ['1E+2', 100],
    ['2.50e1', 25],
    ['-0.0', -0],
    ['9007199254740993.0', 9007199254740992],
    ['100000000000000000000.0', 1e20],
    ['1e999', Infinity],
    ['true', 1n],
    ['false', 0n],
    ['null', null],
    ['"1.0"', '1.0'],
    ['{"integer":"9007199254740993"}', 9007199254740993n],
    ['{"real":2}', 2],
    ['{"real":1.0}', 1],
    ['{"real":1e3}', 1000],
    ['{"real":9223372036854775808}', 2 ** 63],
    ['{"base64":"AAH/"}', new Uint8Array([0, 1, 255])],
    ['{"base64":""}', new Uint8Array()],
    ['"a\\u0000b 🙂"', 'a\0b 🙂'],
  ])('[QB2] binds %s exactly, as INTEGER, REAL, TEXT, BLOB or NULL', (json, value) => {
    expect(paramsOf(json)).toEqual([value]);
    // Also in a body that the slower reading of numbers is needed for, and with space around it.
    expect(paramsOf(`1.0, ${json} ,2`)).toEqual([1, value, 2n]);
  });

  it('[QB2] does not take a number in a text for a number', () => {
    expect(
      parseQueryBody('{"sql":"SELECT 1.0, 2e5, 12345678901234567890","params":[": 1.0","3e8"]}'),
    ).toEqual([{ sql: 'SELECT 1.0, 2e5, 12345678901234567890', params: [': 1.0', '3e8'] }]);
  });

  it.each([
    ['', 'not JSON'],
    ['{"sql":', 'not JSON'],
    ['{"sql":"A"} x', 'not JSON'],
    ['null', 'either sql or statements'],
    ['[]', 'either sql or statements'],
    ['"A"', 'either sql or statements'],
    ['{}', 'either sql or statements'],
    ['{"sql":"A","statements":[]}', 'either sql or statements'],
    ['{"sql":1}', 'sql must be a string'],
    ['{"sql":1.0}', 'sql must be a string'],
    ['{"sql":"A","parms":[]}', 'parms is not a field'],
    ['{"sql":"A","__proto__":[]}', '__proto__ is not a field'],
    ['{"sql":"A","params":{}}', 'params must be an array'],
    ['{"sql":"A","params":[1,[2]]}', 'params.1 must be a string, a number'],
    ['{"sql":"A","params":[{"base64":"A"}]}', 'params.0.base64 must be base64'],
    ['{"sql":"A","params":[{"base64":"AB=="}]}', 'params.0.base64 must be base64'],
    ['{"sql":"A","params":[{"integer":"1.5"}]}', 'params.0 must be'],
    ['{"sql":"A","params":[{"integer":"9223372036854775808"}]}', 'params.0 must be an integer of 64 bits'],
    ['{"sql":"A","params":[9223372036854775808]}', 'params.0 must be an integer of 64 bits'],
    ['{"sql":"A","params":["\\ud800"]}', 'params.0 has half of a surrogate pair'],
    ['{"statements":{}}', 'statements must be an array'],
    ['{"statements":[]}', 'at least one statement'],
    ['{"statements":["A"]}', 'statements.0 must be a JSON object'],
    ['{"statements":[{"sql":"A"},{"params":[]}]}', 'statements.1.sql is missing'],
    ['{"statements":[{"sql":"A"},{"sql":"B","params":[0,{}]}]}', 'statements.1.params.1 must be'],
  ])('[QB3] says what is wrong with %s', (body, detail) => {
    expect(detailOf(body)).toContain(detail);
  });

  it('[QB3] refuses deep nesting, whichever way it is read', () => {
    for (const inner of ['', '1.0']) detailOf('['.repeat(200_000) + inner + ']'.repeat(200_000));
    detailOf('['.repeat(200_000));
    detailOf(`{"sql":"A","params":${'['.repeat(200_000)}1.0${']'.repeat(200_000)}}`);
  });

  it('[QB4] bounds statements and params, and says the bound', () => {
    const params = (count: number) => JSON.stringify({ sql: 'A', params: Array(count).fill(1) });
    const statements = (count: number) =>
      JSON.stringify({ statements: Array.from({ length: count }, () => ({ sql: 'A' })) });
    expect(parseQueryBody(params(PARAMS_MAX))[0]?.params).toHaveLength(PARAMS_MAX);
    expect(refusalOf(() => parseQueryBody(params(PARAMS_MAX + 1)))).toMatchObject({
      code: 'too-large',
      limit: PARAMS_MAX,
    });
    expect(parseQueryBody(statements(STATEMENTS_MAX))).toHaveLength(STATEMENTS_MAX);
    expect(refusalOf(() => parseQueryBody(statements(STATEMENTS_MAX + 1)))).toMatchObject({
      code: 'too-large',
      limit: STATEMENTS_MAX,
    });
  });
});

describe('settings body', () => {
  it('[DB1] takes an empty body, and any of the settings', () => {
    expect(parseSettingsBody('')).toEqual({});
    expect(parseSettingsBody('{}')).toEqual({});
    expect(parseSettingsBody('{"leader":"weur","followers":["enam"]}')).toEqual({
      leader: 'weur',
      followers: ['enam'],
    });
  });

  it.each([
    ['{"leader":"mars"}', 'leader must be one of wnam'],
    ['{"followers":["mars"]}', 'followers.0 must be one of wnam'],
    ['{"followers":"weur"}', 'followers must be an array'],
    ['{"partitions":0}', 'partitions must be 1 or more'],
    ['{"partitions":1.5}', 'partitions must be a whole number'],
    ['{"durability":"yes"}', 'durability must be one of async'],
    ['{"colour":"red"}', 'colour is not a field'],
    ['[]', 'JSON object'],
    ['{', 'not JSON'],
  ])('[DB1] says what is wrong with %s', (body, detail) => {
    expect(refusalOf(() => parseSettingsBody(body))).toMatchObject({
      code: 'invalid-request',
      detail: expect.stringContaining(detail),
    });
  });
});
