/**
 * In place of zod, which hono-openapi would load for zod's schemas: wrangler.toml aliases it to this file,
 * because the bundler cannot know that there are none, and zod is larger than all the rest of the Worker.
 */
export const nothing = null;
