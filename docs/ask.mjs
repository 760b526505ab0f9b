// Evaluates an expression in a running Node process, or profiles its CPU, through the inspector. Run it in the container.
//
//   docker kill -s SIGUSR1 NAME
//   docker exec -i NAME /nodejs/bin/node --input-type=module - 'process.memoryUsage()' < ask.mjs
//   docker exec -i NAME /nodejs/bin/node --input-type=module - --cpu 5 < ask.mjs > app.cpuprofile
//
// It requires Node 22 or later and no packages. It prints the result as JSON on standard output.
import { setTimeout as sleep } from 'node:timers/promises';

const [expression, seconds = '5'] = process.argv.slice(2);
if (!expression) {
  console.error('What shall I ask? For example: process.memoryUsage()');
  process.exit(2);
}

const targets = await findTargets();
if (!targets) {
  console.error('The inspector does not listen on port 9229. First: docker kill -s SIGUSR1 NAME');
  process.exit(1);
}

const socket = new WebSocket(targets[0].webSocketDebuggerUrl);
await new Promise((resolve, reject) => {
  socket.onopen = resolve;
  socket.onerror = () => reject(new Error('The inspector does not accept the connection.'));
});

/** Lists the targets of the inspector. Tries for two seconds, because the inspector starts shortly after the signal. */
async function findTargets() {
  for (let attempt = 0; attempt < 10; attempt++) {
    const response = await fetch('http://127.0.0.1:9229/json/list').catch(() => undefined);
    if (response) return response.json();
    await sleep(200);
  }
}

/** Sends one command and waits for its response. The next command has to wait for it. */
function send(method, params = {}) {
  socket.send(JSON.stringify({ id: 1, method, params }));
  return new Promise((resolve, reject) => {
    socket.onmessage = ({ data }) => {
      const answer = JSON.parse(data);
      if (answer.id !== 1) return; // An event, such as the end of a garbage collection.
      answer.error ? reject(new Error(answer.error.message)) : resolve(answer.result);
    };
  });
}

if (expression === '--cpu') {
  await send('Profiler.enable');
  await send('Profiler.start');
  await sleep(Number(seconds) * 1000);
  console.log(JSON.stringify((await send('Profiler.stop')).profile));
} else {
  const { result, exceptionDetails } = await send('Runtime.evaluate', {
    expression,
    awaitPromise: true,
    returnByValue: true,
  });
  if (exceptionDetails) {
    console.error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    process.exitCode = 1;
  } else {
    console.log(JSON.stringify(result.value, null, 2));
  }
}
socket.close();
