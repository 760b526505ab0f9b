// Starts a TypeScript program of this folder: node -- scripts/start.mjs compare [options]. Plain JavaScript, so that it can
// say what is missing where nothing is installed yet. The dashes: Node 20 takes --env-file for its own, wherever it stands.
const [program] = process.argv.splice(2, 1);

try {
  const { register } = await import('tsx/esm/api');
  register();
} catch (error) {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  console.error('The dependencies of this repository are not installed. Run this first: npm run setup');
  process.exit(1);
}
await import(`./${program}.ts`);
