export { Catalog } from '../durable-objects/catalog.ts';
export { Directory } from '../durable-objects/directory.ts';
export { Replica } from '../durable-objects/replica.ts';
export { Session } from '../durable-objects/session.ts';
export { router as default } from './router.ts';
