import type { Catalog } from '../../durable-objects/catalog.ts';
import type { Directory } from '../../durable-objects/directory.ts';
import type { Replica } from '../../durable-objects/replica.ts';
import type { Session } from '../../durable-objects/session.ts';

/** The bindings as tests see them: with the classes themselves, so that a test can look into an object. */
export interface TestEnv {
  readonly REPLICA: DurableObjectNamespace<Replica>;
  readonly DIRECTORY: DurableObjectNamespace<Directory>;
  readonly SESSION: DurableObjectNamespace<Session>;
  readonly CATALOG: DurableObjectNamespace<Catalog>;
}
