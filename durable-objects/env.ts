import type { RetentionVars } from '../shared/retention-settings.ts';
import type { ReplicaRpc, SessionRpc } from '../shared/protocol/rpc.ts';
import type { CatalogRpc, DirectoryRpc } from '../shared/protocol/rpc.ts';

type Namespace<Rpc> = DurableObjectNamespace<Rpc & Rpc.DurableObjectBranded>;

/** What wrangler.toml binds for the objects. */
export interface ObjectsEnv extends RetentionVars {
  readonly REPLICA: Namespace<ReplicaRpc>;
  readonly DIRECTORY: Namespace<DirectoryRpc>;
  readonly SESSION: Namespace<SessionRpc>;
  readonly CATALOG: Namespace<CatalogRpc>;
}
