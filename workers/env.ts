import type { Context } from 'hono';

import type { RetentionVars } from '../shared/retention-settings.ts';
import type { ReplicaRpc, SessionRpc } from '../shared/protocol/rpc.ts';
import type { CatalogRpc, DirectoryRpc } from '../shared/protocol/rpc.ts';
import type { Region } from '../shared/regions.ts';
import type { RequestSession } from './session.ts';

/** As much of a Durable Object namespace as the edge needs: an object by its name, made near `locationHint`. */
export interface Objects<Rpc> {
  getByName(name: string, options?: { readonly locationHint: Region }): Rpc;
}

/** What wrangler.toml binds, and the secrets and variables of a deployment. */
export interface Env extends RetentionVars {
  readonly REPLICA: Objects<ReplicaRpc>;
  readonly DIRECTORY: Objects<DirectoryRpc>;
  readonly SESSION: Objects<SessionRpc>;
  readonly CATALOG: Objects<CatalogRpc>;
  readonly TIDEMARK_ADMIN_KEY?: string;
  /** `id:secret,id2:secret2`: the first signs tokens, all of them verify, and so does the key made from the admin key. */
  readonly TIDEMARK_TOKEN_KEYS?: string;
  /** "true" where one machine plays all regions: then the header Tidemark-Region is believed. */
  readonly TIDEMARK_SIMULATE_REGIONS?: string;
}

export interface Edge {
  Bindings: Env;
  Variables: {
    readonly requestId: string;
    readonly session: RequestSession;
    /** Whether something was sent that may have changed a database; says what an unexpected error means. */
    readonly mayHaveApplied: boolean;
    /** Whether the answer was made with what every answer carries. */
    readonly hasHeaders: boolean;
  };
}

export type EdgeContext = Context<Edge>;
