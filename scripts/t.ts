import { readScript, readLine } from './dockerize/look/script-commands.ts';
import { projectOf } from './test/dockerize-project.ts';
const p=projectOf({'package.json':{scripts:{a:'npm run b -- --x && cd client && npm run build',b:'cross-env A=1 node y.js',build:'run-s build:*','build:x':'tsc','build:y':'vite build',loop:'npm run loop && npm run loop',pre:'x',prestart:'prisma migrate deploy',start:'exec /usr/bin/node d | pino', big:'concurrently "npm:a" "tsc -w"'}},'client/package.json':{scripts:{build:'react-scripts build'}}});
for(const n of ['a','b','build','loop','start','big']) console.log(n, JSON.stringify(readScript(p,n)).slice(0,600));
for (const l of ['dotenv -e .env -- node x','env-cmd -f .env node x','npx --yes tsc','npm --prefix client run build','npm start','yarn workspace x start','NODE_ENV=production PORT=1 node x > y 2>&1','node a || true && b','${']) console.log(l, JSON.stringify(readLine(p,l)));
