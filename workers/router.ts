import { Hono } from 'hono';

import { everyAnswer, preflight } from './answer.ts';
import { authenticate } from './auth.ts';
import { deleteDatabase, getDatabase, listDatabases, patchDatabase, putDatabase } from './databases.ts';
import { getDigest } from './digest.ts';
import type { Edge } from './env.ts';
import { postFailover } from './failover.ts';
import { answerError, answerNotFound } from './failure.ts';
import { deleteFollower, postFollower } from './followers.ts';
import { getHealth } from './health.ts';
import { getLostEntries } from './lost-entries.ts';
import { getMetrics } from './metrics.ts';
import { describe, openApi } from './openapi.ts';
import { problemPage } from './problem-pages.ts';
import { query } from './query.ts';
import { postReapply } from './reapply.ts';
import { getReplication } from './replication.ts';

export const router = new Hono<Edge>();

router.onError(answerError);
router.notFound(answerNotFound);
router.use(everyAnswer);

// For everybody.
router.options('*', preflight);
router.get('/healthz', describe.health(getHealth));
router.get('/openapi.json', openApi(router));
router.get('/problems/:code', describe.problemPage(problemPage));

// For the holder of the admin key.
router.use(authenticate);
router.get('/v1/databases', describe.listDatabases(listDatabases));
router.put('/v1/databases/:database', describe.putDatabase(putDatabase));
router.get('/v1/databases/:database', describe.getDatabase(getDatabase));
router.patch('/v1/databases/:database', describe.patchDatabase(patchDatabase));
router.delete('/v1/databases/:database', describe.deleteDatabase(deleteDatabase));
router.post('/v1/databases/:database/query', describe.query(query));
router.post('/v1/databases/:database/followers', describe.postFollower(postFollower));
router.delete('/v1/databases/:database/followers/:region', describe.deleteFollower(deleteFollower));
router.post('/v1/databases/:database/failover', describe.postFailover(postFailover));
router.get('/v1/databases/:database/lost-entries', describe.lostEntries(getLostEntries));
router.post('/v1/databases/:database/lost-entries/:lsn/apply', describe.postReapply(postReapply));
router.get('/v1/databases/:database/replication', describe.replication(getReplication));
router.get('/v1/databases/:database/digest', describe.digest(getDigest));
router.get('/metrics', describe.metrics(getMetrics));
