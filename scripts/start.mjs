// Starts a TypeScript program of this directory: node -- scripts/start.mjs compare [options]. Plain JavaScript, so that it
// can report what is missing where nothing is installed yet. The two dashes: without them, Node 20 itself reads --env-file.
const [program] = process.argv.splice(2, 1);

if (!isInstalled('commander')) {
  fail('The dependencies of this repository are not installed. Run this first: npm run setup');
}
// Node 22.18 and later removes the types by itself.
if (!process.features.typescript) {
  const { node } = process.versions;
  if (!isInstalled('tsx'))
    fail(`Without the development dependencies, Node 22.18 or later is required. This is Node ${node}.`);
  const { register } = await import('tsx/esm/api');
  register();
}
await import(`./${program}.ts`);

function isInstalled(name) {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
