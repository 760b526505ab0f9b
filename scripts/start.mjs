// Starts a TypeScript program of this directory: node -- scripts/start.mjs compare [options]. Plain JavaScript, so that it
// can report what is missing where nothing is installed yet. The two dashes: without them, Node 20 itself reads --env-file.
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
