import { membersOf } from '../../shared/protocol/assignment.ts';
import type { FailoverWish } from '../../shared/protocol/directory.ts';
import { shortName } from '../../shared/protocol/names.ts';
import { REGIONS } from '../../shared/regions.ts';
import type { Network } from './network.ts';
import type { Operator } from './operator.ts';
import type { Plan } from './plan.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

const PARTITION = 0;
/** Of the wishes, so many are for a member by name, so many for a region where there may be none. */
const NAMED = 0.3;
const ASTRAY = 0.1;

interface FailoversParts {
  readonly plan: Plan;
  readonly random: Random;
  readonly world: World;
  readonly network: Network;
  readonly operator: Operator;
}

/** Whoever runs the database wants another leader: to have it elsewhere, or because the one that there is does not answer. */
export class Failovers {
  readonly #parts: FailoversParts;

  constructor(parts: FailoversParts) {
    this.#parts = parts;
  }

  occur(): void {
    const { random } = this.#parts;
    const kind = random.pick([
      'planned',
      'planned',
      'planned',
      'dead',
      'dead',
      'dead',
      'dead',
      'well',
      'twice',
    ] as const);
    switch (kind) {
      case 'planned':
        return this.#want(this.#planned());
      case 'dead':
        this.#takeLeaderAway();
        // Where one comes by itself, mostly nobody has to ask.
        if (this.#parts.plan.automaticMs !== null && random.chance(0.7)) return undefined;
        return this.#want(this.#forced(random.chance(0.3)));
      case 'well':
        return this.#want(this.#forced(random.chance(0.5)));
      case 'twice':
        if (random.chance(0.5)) this.#takeLeaderAway();
        this.#want(random.chance(0.5) ? this.#planned() : this.#forced(random.chance(0.3)));
        return this.#want(random.chance(0.5) ? this.#planned() : this.#forced(random.chance(0.3)));
    }
  }

  /**
   * The leader does not come back, and it is asked for another until there is one. Where a database promises to keep all, without loss; else with it, because
   * one that left may be further than all who stay, and be waited for in vain.
   */
  replaceLeader(): void {
    const { durability } = this.#parts.plan;
    const accept_loss = durability === 'async' || durability === 'semi-sync';
    this.#parts.operator.insist({ ...NOBODY, mode: 'forced', accept_loss });
  }

  /** Who names the epoch that is to end does not end the next one by asking twice. */
  #want(wish: FailoverWish): void {
    const { random, world, operator } = this.#parts;
    const epoch = random.chance(0.5) ? world.leadership.epoch : null;
    operator.want({ kind: 'failover', wish: { ...wish, epoch } });
  }

  #planned(): FailoverWish {
    const { random, world } = this.#parts;
    const members = membersOf(world.leadership);
    const mode = 'planned';
    if (members.length === 0 || random.chance(ASTRAY))
      return { ...NOBODY, to: random.pick(REGIONS.slice(0, 5)), mode, accept_loss: false };
    const member = random.pick(members);
    const replica = random.chance(NAMED) ? shortName(member) : null;
    return { partition: PARTITION, to: member.region, replica, mode, accept_loss: false, epoch: null };
  }

  #forced(accept_loss: boolean): FailoverWish {
    const { random } = this.#parts;
    const to = random.chance(0.6) ? {} : { to: this.#planned().to };
    return { ...NOBODY, ...to, mode: 'forced', accept_loss };
  }

  /** For a while, or for long: down, or out of reach with all that it believes. */
  #takeLeaderAway(): void {
    const { random, world, network, plan } = this.#parts;
    const { name } = world.leadership.leader;
    const host = world.hosts.get(name);
    if (host === undefined) return;
    const ms = random.between(1, random.pick([plan.downMs, 20_000, 60_000]));
    const away = ['down', 'apart', 'from the directory', 'from the others', 'from the others'] as const;
    switch (random.pick(away)) {
      case 'down':
        host.crash();
        return world.clock.after(ms, () => host.restart());
      case 'apart':
        return network.isolate([name], ms);
      case 'from the directory':
        network.clog(name, world.directory.name, ms);
        return network.clog(world.directory.name, name, ms);
      case 'from the others':
        // Clients still write to it, for as long as its lease lasts.
        for (const other of [world.directory.name, ...world.hosts.keys()])
          if (other !== name) {
            network.clog(name, other, ms);
            network.clog(other, name, ms);
          }
    }
  }
}

const NOBODY = { partition: PARTITION, to: null, replica: null, epoch: null };
