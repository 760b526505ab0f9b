import { findEngine } from '../../engine/find-engine.ts';

/** Before the image tests: without an engine they are skipped with one loud line, and fail under CI=true. */
export async function setup(): Promise<void> {
  await findEngine().catch((error: Error) => {
    if (process.env.CI === 'true') throw error;
    console.warn(`\nIMAGE TESTS SKIPPED: ${error.message} To run them: npm run setup\n`);
  });
}
