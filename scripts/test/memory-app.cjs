// The app of bench-memory.ts, which passes this text to `node -e`: no image is built. Each request adds to the memory in the
// way that LOAD says, and responds with what the process sees of it. In MiB: MIB is how much a request allocates, KEEP how much the
// app holds from the start, and STOP where a leak ends that nothing else ends, with exit code 42.
const { readFileSync } = require('node:fs');
const { createServer } = require('node:http');
const { getHeapStatistics } = require('node:v8');

const { LOAD, MIB = '1', KEEP = '0', STOP = 'Infinity' } = process.env;
const kept = [];
let keptMib = 0;

/** Plain objects that take about `mib` of the heap: five small integers and a header of 24 bytes, and a slot of the array. */
function createObjects(mib) {
  const objects = [];
  for (let index = 0; index < (mib << 20) / 72; index += 1) objects.push({ a: index, b: 1, c: 2, d: 3, e: 4 });
  return objects;
}

function keep(value, mib) {
  kept.push(value);
  keptMib += mib;
  if (keptMib > Number(STOP)) process.exit(42);
}

/** The first of these files that exists, as a number: cgroup v2, then v1. */
function readCounter(...files) {
  for (const file of files) {
    try {
      return Number(/(?:^|usage_usec )(\d+)/.exec(readFileSync(`/sys/fs/cgroup/${file}`, 'utf8'))[1]);
    } catch {}
  }
  return null;
}

const LOADS = {
  objects: (mib) => keep(createObjects(mib), mib),
  buffers: (mib) => keep(Buffer.alloc(mib << 20, 1), mib),
  /** Holds its objects for as long as a request to a database would take. */
  async garbage(mib) {
    const held = createObjects(mib);
    await new Promise((resolve) => setTimeout(resolve, 5));
    return held.length;
  },
  /** A cache: the oldest part is replaced. */
  'working set'(mib) {
    kept.push(createObjects(1));
    kept.shift();
    return createObjects(mib).length;
  },
};

for (let mib = 0; mib < Number(KEEP); mib += 1) {
  if (LOAD === 'buffers') kept.push(Buffer.alloc(1 << 20, 1));
  else kept.push(createObjects(1));
}

createServer(async (request, response) => {
  if (request.url === '/work') await LOADS[LOAD](Number(MIB));
  const cpuV2 = readCounter('cpu.stat');
  response.end(
    JSON.stringify({
      heapLimit: getHeapStatistics().heap_size_limit,
      memory: readCounter('memory.current', 'memory/memory.usage_in_bytes'),
      peak: readCounter('memory.peak', 'memory/memory.max_usage_in_bytes'),
      cpuMs: cpuV2 === null ? readCounter('cpuacct/cpuacct.usage') / 1e6 : cpuV2 / 1e3,
    }),
  );
}).listen(3000);
